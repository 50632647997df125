package identity_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// notInGains says why TestSec48_Gains does not make a call, and which test looks at it instead, if it can give anybody anything.
func notInGains() map[string]string {
	const (
		ensures = "makes what Create makes, by the same judgement, or nothing"
		orgs    = "gives no rights; who is in a new org is nobody: TestAsNeedsExactlyItsPermission"
		ends    = "gives nothing, and takes no right"
		keys    = "is about keys of the instance, which are nobody's"
		proves  = "turns a proof into a token of the same account: TestSec48_LimitedTokens"
	)
	return map[string]string{
		"CreateOrg": orgs, "EnsureOrg": orgs, "SuspendOrg": orgs, "ResumeOrg": orgs, "DeleteOrg": orgs, "SignOutOrg": orgs,
		"EnsureUser": ensures, "EnsureServiceAccount": ensures, "EnsureGroup": ensures, "EnsureRole": ensures,
		"Invite": "is InviteMany for one", "RevokeInvitation": ends, "UpdateGroup": ends, "RenameCredential": ends, "RevokeToken": ends,
		"UnarchiveRole": "brings back what nobody is bound to", "RotateSigningKey": keys, "CompromiseSigningKey": keys,
		"Elevate":       "gives what making somebody eligible was judged as giving: TestSec48_Elevation, TestElevateRefuses",
		"EndElevation":  "takes away what the caller gave itself: TestElevate",
		"NewEnrollCode": "controls its account like AddPublicKey, by the same judgement: TestSec48_EnrollCodes",
		"EnrollKey":     "is made by who has the code, and was judged with it: TestSec48_EnrollCodes",
		"ExchangeToken": "cuts down like IssueToken and joins like Delegate: TestSec38_Exchange in httpapi, TestSec48_DelegatedManagement",

		"ExchangeAssertion": proves, "ExchangeChallenge": proves, "ExchangeAction": proves, "ExchangeClientAssertion": proves, "ExchangeClientSecret": proves,
		"AcceptInvitation": "makes an account what it was invited to be, which was judged then: TestSec48_Invitations",
	}
}

// TestGainsMakeEveryCall: TestSec48_Gains makes every call that writes, or it is said why not.
func TestGainsMakeEveryCall(t *testing.T) {
	var source strings.Builder
	files := must(filepath.Glob("gain_*_test.go"))(t)
	for _, file := range files {
		if file != "gain_exception_test.go" {
			source.Write(must(os.ReadFile(file))(t))
		}
	}
	if len(files) < 5 {
		t.Fatalf("only %q", files)
	}
	makes := func(name string) bool { return strings.Contains(source.String(), "."+name+"(") }
	exceptions := notInGains()
	for name, c := range calls() {
		if !c.reads && !c.hostOnly && !makes(name) && exceptions[name] == "" {
			t.Errorf("%s: have gainGame make it, or say in notInGains why not", name)
		}
	}
	door := reflect.TypeFor[*identity.Authority]()
	for name, why := range exceptions {
		_, atDoor := door.MethodByName(name)
		switch c, known := calls()[name]; {
		case makes(name):
			t.Errorf("%s is made", name)
		case !atDoor && (!known || c.reads || c.hostOnly):
			t.Errorf("%s is no call that writes for its caller", name)
		}
		for word := range strings.FieldsFuncSeq(why, func(r rune) bool { return strings.ContainsRune(" ,:", r) }) {
			if strings.HasPrefix(word, "Test") && !testExists(t, word) {
				t.Errorf("%s: there is no %s", name, word)
			}
		}
	}
}

// testExists reports whether there is a test here or in httpapi.
func testExists(t *testing.T, name string) bool {
	for _, file := range append(must(filepath.Glob("*_test.go"))(t), must(filepath.Glob("httpapi/*_test.go"))(t)...) {
		if strings.Contains(string(must(os.ReadFile(file))(t)), "\nfunc "+name+"(t ") {
			return true
		}
	}
	return false
}
