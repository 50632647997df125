package token

// maxChallengeText bounds the issuer and the text of a challenge, in bytes.
const maxChallengeText = 2 << 10

// ChallengeMessage is what is signed for a challenge, under PurposePossession or PurposeLogin: the issuer, a line feed, the
// challenge. The issuer is the one that the signer was configured with: a server that passes on the challenge of another
// gets a signature that the other refuses. Errors: ErrFormat for what is empty, has a control character, or more than 2 KiB.
func ChallengeMessage(issuer, challenge string) ([]byte, error) {
	switch {
	case !validLine(issuer):
		return nil, fail(ErrFormat, "issuer")
	case !validLine(challenge):
		return nil, fail(ErrFormat, "challenge")
	}
	return []byte(issuer + "\n" + challenge), nil
}

// validLine reports whether a line feed ends a text that is not empty.
func validLine(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= maxChallengeText
}
