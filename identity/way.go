package identity

// Way is how somebody came in. Whatever proof there is, it ends in one place,
// which asks whether all that it stands on is alive and does not compile without
// the Way; each of [Ways] has its row in the liveness matrix.
type Way uint8

// The ways in. The zero value is none.
const (
	_                  Way = iota
	WayAccessToken         // an access token of ours, see [Authority.Authenticate]
	WayAssertion           // a signed assertion, see [Authority.ExchangeAssertion]
	WayVouch               // a login that the host made itself, see [OrgAdmin.Vouch]
	WayClientAssertion     // a signed assertion that authenticates a client, see [Authority.AuthenticateClientAssertion]
	WayChallenge           // a signed challenge, see [Authority.ExchangeChallenge]
	WaySignature           // a signature for a purpose of the host, see [Authority.VerifySignature]
	WayAction              // a request that was signed itself, see [Authority.VerifyAction]
	WayAPIToken            // an API token, see [OrgAdmin.CreateAPIToken]
	WayClientSecret        // a client secret, see [Authority.ExchangeClientSecret]
	WayInvitation          // an invitation that is accepted, see [Authority.AcceptInvitation]; it gives no Principal
	WaySignedRequest       // a request that was signed in one step, see [Authority.VerifyRequest]
	WayEnrollCode          // an enroll code that adds a key, see [Authority.EnrollKey]; it gives no Principal
	ways                   // how many there are, with none
)

// names has every Way; a test fails when one is missing.
func (Way) names() [ways]string {
	return [ways]string{
		WayAccessToken:     "access-token",
		WayAssertion:       "assertion",
		WayVouch:           "vouch",
		WayClientAssertion: "client-assertion",
		WayChallenge:       "challenge",
		WaySignature:       "signature",
		WayAPIToken:        "api-token",
		WayClientSecret:    "client-secret",
		WayAction:          "action",
		WayInvitation:      "invitation",
		WaySignedRequest:   "signed-request",
		WayEnrollCode:      "enroll-code",
	}
}

// Ways lists all of them.
func Ways() []Way {
	all := make([]Way, 0, ways-1)
	for w := Way(1); w < ways; w++ {
		all = append(all, w)
	}
	return all
}

// String is the name of the way, such as "access-token"; empty for none.
func (w Way) String() string {
	if w >= ways {
		return ""
	}
	return w.names()[w]
}

// once reports whether who comes in this way makes one request, and nothing of it.
func (w Way) once() bool { return w == WayAction || w == WaySignedRequest }

// wants is the state of an account that comes in this way.
func (w Way) wants() AccountState {
	if w == WayInvitation {
		return AccountInvited
	}
	return AccountActive
}
