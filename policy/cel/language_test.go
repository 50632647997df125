package cel

import (
	"sync"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

// TestSchemas: a language follows the schema that it is given, though it remembers the last one.
func TestSchemas(t *testing.T) {
	var l Language
	first, second := testSchema(t), testSchema(t)
	other, err := policy.NewSchema(policy.AttributeSpec{Name: "amount", Type: policy.TypeString})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, s := range []*policy.Schema{first, second} {
			compileOne(t, &l, s, `amount == 1`)
		}
		compileOne(t, &l, other, `amount == "1"`)
		if _, err := l.Compile(`amount == 1`, other); err == nil {
			t.Error("amount is an int of another schema")
		}
		compileOne(t, &l, nil, `true`)
		if _, err := l.Compile(`amount == 1`, nil); err == nil {
			t.Error("amount is an attribute of no schema")
		}
	}
}

func TestConcurrent(t *testing.T) {
	var l Language
	schemas := []*policy.Schema{testSchema(t), testSchema(t)}
	shared := compileOne(t, &l, schemas[0], `principal.groups.exists(g, g in resource.tags && cidr(network).containsIP(request.ip))`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				schema := schemas[(i+n)%2]
				c, err := l.Compile(`amount == 250 && request.time.getHours("Europe/Berlin") == 12 && absent.flag`, schema)
				if err != nil {
					t.Error(err)
					return
				}
				if truth, missing := c.Eval(testEnv(t, schema)); truth != policy.Unknown || missing != "absent.flag" {
					t.Errorf("%v %q", truth, missing)
				}
				if truth, _ := shared.Eval(testEnv(t, schemas[0])); truth != policy.True {
					t.Errorf("shared: %v", truth)
				}
			}
		})
	}
	wg.Wait()
}
