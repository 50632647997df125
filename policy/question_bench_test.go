package policy

import (
	"fmt"
	"testing"
)

// BenchmarkPermissionsOn asks what random accounts may do at random places.
func BenchmarkPermissionsOn(b *testing.B) {
	for _, name := range []string{"S", "L"} {
		b.Run(name, func(b *testing.B) {
			qs := loads[name].build(b).questions(1 << 14)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				q := &qs[i&(1<<14-1)]
				q.s.PermissionsOn(q.q)
			}
		})
	}
}

// BenchmarkWhoCan asks who may do something at an item: of the organisations of a busy instance, and of one that is as large as
// all of them.
func BenchmarkWhoCan(b *testing.B) {
	shapes := map[string]load{"S": loads["S"], "L": loads["L"], "one": {orgs: 1, accounts: 100_000, groups: 20_000, roles: 4, bindings: 1_000_000}}
	for _, name := range []string{"S", "L", "one"} {
		b.Run(name, func(b *testing.B) {
			qs := shapes[name].build(b).questions(1 << 10)
			b.ReportAllocs()
			b.ResetTimer()
			found := 0
			for i := range b.N {
				q := &qs[i&(1<<10-1)]
				for range q.s.WhoCan(q.q) {
					found++
				}
			}
			b.ReportMetric(float64(found)/float64(b.N), "holders/op")
		})
	}
}

// BenchmarkExplain tries every binding of an account.
func BenchmarkExplain(b *testing.B) {
	qs := loads["L"].build(b).questions(1 << 12)
	b.ReportAllocs()
	b.ResetTimer()
	bindings := 0
	for i := range b.N {
		q := &qs[i&(1<<12-1)]
		bindings += len(q.s.Explain(q.q).Bindings)
	}
	b.ReportMetric(float64(bindings)/float64(b.N), "bindings/op")
	if bindings == 0 {
		b.Fatal(fmt.Sprint("nothing was tried in ", b.N))
	}
}
