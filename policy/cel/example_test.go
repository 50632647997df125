package cel_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/policy/cel"
)

func Example() {
	schema, err := policy.NewSchema(
		policy.AttributeSpec{Name: "request.ip", Type: policy.TypeAddr},
		policy.AttributeSpec{Name: "session.mfa", Type: policy.TypeBool},
	)
	if err != nil {
		panic(err)
	}
	condition, err := new(cel.Language).Compile(
		`cidr("10.0.0.0/8").containsIP(request.ip) || session.mfa && request.time.getHours("Europe/Berlin") < 18`, schema)
	if err != nil {
		panic(err)
	}
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).UnixMicro()
	ask := func(attrs *policy.Attrs) {
		env := policy.NewEnv(schema, policy.Account{ID: "us_ada", Kind: policy.User}, "or_acme", policy.Root, noon, attrs)
		truth, missing := condition.Eval(env)
		fmt.Printf("%v %q\n", truth, missing)
	}
	ask(new(policy.Attrs).SetAddr("request.ip", netip.MustParseAddr("10.1.2.3"))) // decided without session.mfa
	ask(new(policy.Attrs).SetAddr("request.ip", netip.MustParseAddr("192.0.2.1")))
	ask(new(policy.Attrs).SetAddr("request.ip", netip.MustParseAddr("192.0.2.1")).SetBool("session.mfa", true))

	_, err = new(cel.Language).Compile(`session.mfa && request.host == "a"`, schema)
	fmt.Println(err)
	// Output:
	// true ""
	// unknown "session.mfa"
	// true ""
	// 1:16: undeclared reference to 'request'
}
