#!/usr/bin/env bash
# A workload that is nothing but openssl (3.0 or later) and curl: it makes its own key, signs an assertion (RFC 7523), exchanges it
# for an access token, and calls the server with it. Then its account is disabled, and the same token is refused.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
server=''
finish() {
	local code=$?
	exec 3>&- # the end of the console stops the server
	if [ -n "$server" ]; then
		wait "$server" || code=1
	fi
	rm -rf "$work"
	[ "$code" -eq 0 ] || echo "FAILED" >&2
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# request NAME ARGUMENTS… prints the status of an HTTP request and leaves its body in $work/NAME.
request() {
	local name=$1
	shift
	curl --silent --show-error --noproxy '*' --max-time 10 --output "$work/$name" --write-out '%{http_code}' "$@"
}

# step WHAT EXPECTED GOT
step() {
	printf '%-58s %s\n' "$1" "$3"
	[ "$2" = "$3" ] || { echo "expected: $2" >&2; return 1; }
}

# The workload makes its key. The private half never leaves it.
openssl genpkey -algorithm ed25519 -out "$work/private.pem" 2>/dev/null
openssl pkey -in "$work/private.pem" -pubout -out "$work/public.pem"

# The operator registers the public half; the console and the answers are two pipes.
(cd "$here" && go build -o "$work/server" .)
mkfifo "$work/console" "$work/answers"
"$work/server" -key "$work/public.pem" -dir "$work" <"$work/console" >"$work/answers" &
server=$!
exec 3>"$work/console" 4<"$work/answers"
read -r issuer account key <&4
echo "serving $issuer, where $account has the key $key"

# The assertion: header and claims in base64url, and a signature over both.
now=$(date +%s)
header=$(printf '{"alg":"EdDSA","typ":"JWT","kid":"%s"}' "$key" | b64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
	"$account" "$account" "$issuer" "$now" "$((now + 60))" "$(openssl rand -hex 16)" | b64url)
printf '%s.%s' "$header" "$claims" >"$work/input"
signature=$(openssl pkeyutl -sign -rawin -inkey "$work/private.pem" -in "$work/input" | b64url)
assertion=$header.$claims.$signature

exchange() {
	request "$1" --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
		--data-urlencode "assertion=$assertion" "$issuer/oauth2/token"
}
wallet() { request "$1" --header "Authorization: Bearer $token" "$issuer/wallets/w1"; }

step "the assertion is exchanged for a token" 200 "$(exchange token.json)"
token=$(sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p' "$work/token.json")
step "the same assertion, a second time" 400 "$(exchange replay.json)"
step "GET /wallets/w1 with the token" 200 "$(wallet allowed)"
step "GET /wallets/w1 without" 401 "$(request anonymous "$issuer/wallets/w1")"

echo disable >&3
read -r answer <&4
step "the operator disables the account" disabled "$answer"
step "GET /wallets/w1 with the same, unexpired token" 401 "$(wallet refused)"
cat "$work/refused"
echo
