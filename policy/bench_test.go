package policy

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// load is a number of organisations filled in the proportions of a busy instance: every account is in three groups, a tenth of
// the bindings is to groups, and scopes are mostly the deepest items.
type load struct {
	orgs, accounts, groups, roles, bindings int // orgs, then per organisation
}

var loads = map[string]load{
	"S": {orgs: 10, accounts: 100, groups: 20, roles: 4, bindings: 500},
	"L": {orgs: 200, accounts: 500, groups: 100, roles: 4, bindings: 5000},
}

type loaded struct {
	orgs  []*Snapshot
	paths [][]Path // items by organisation
	perms []Permission
}

func long(kind string, n int) string { return fmt.Sprintf("%s_%029d", kind, n) }

func (l load) build(tb testing.TB) *loaded {
	rnd := rand.New(rand.NewPCG(7, 7))
	var specs []PermissionSpec
	out := &loaded{}
	for i := range 60 {
		name := fmt.Sprintf("area%d:operation-%02d", i%6, i)
		specs = append(specs, PermissionSpec{Name: name})
		out.perms = append(out.perms, perm(tb, name))
	}
	cat, err := NewCatalog(specs...)
	if err != nil {
		tb.Fatal(err)
	}
	role := func(id string) Role {
		r := Role{ID: id}
		for _, i := range rnd.Perm(60)[:10+rnd.IntN(41)] {
			r.Permissions = append(r.Permissions, specs[i].Name)
		}
		return r
	}
	var shared []Role
	for i := range 12 {
		shared = append(shared, role(fmt.Sprintf("code:role-%d", i)))
	}
	code, err := NewRoles(cat, shared)
	if err != nil {
		tb.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	items := max(l.bindings/10, 25)
	for o := range l.orgs {
		d := New(Model{Catalog: cat, Roles: code}, long("or", o)).Edit()
		base := o * 1_000_000
		var scopes [4][]Path
		scopes[0] = []Path{Root}
		var all []Path
		for i := range items {
			pr, fo := i%(items/25), i%(items/5)
			item, err := NewPath("projects", long("pr", base+pr), "folders", long("fo", base+fo), "items", long("it", base+i))
			must(err)
			folder, _ := item.Parent()
			project, _ := folder.Parent()
			scopes[1], scopes[2], scopes[3] = append(scopes[1], project), append(scopes[2], folder), append(scopes[3], item)
			all = append(all, item)
		}
		roles := make([]string, 0, 16)
		for i := range 12 {
			roles = append(roles, shared[i].ID)
		}
		for i := range l.roles {
			r := role(long("ro", base+i))
			must(d.PutRole(r))
			roles = append(roles, r.ID)
		}
		for i := range l.groups {
			d.PutGroup(long("gr", base+i))
		}
		for i := range l.accounts {
			kind := User
			if i%5 == 0 {
				kind = ServiceAccount
			}
			d.PutAccount(Account{ID: long("us", base+i), Kind: kind})
			for range 3 {
				must(d.AddMember(long("gr", base+rnd.IntN(l.groups)), long("us", base+i)))
			}
		}
		for i := range l.bindings {
			subject := long("us", base+rnd.IntN(l.accounts))
			if i%10 == 0 {
				subject = long("gr", base+rnd.IntN(l.groups))
			}
			level := 3
			switch n := rnd.IntN(100); {
			case n < 3:
				level = 0
			case n < 15:
				level = 1
			case n < 40:
				level = 2
			}
			must(d.PutBinding(Binding{ID: long("bi", base+i), Subject: subject, Role: roles[rnd.IntN(16)],
				Scope: scopes[level][rnd.IntN(len(scopes[level]))], Effect: Allow}))
		}
		out.orgs = append(out.orgs, d.Snapshot())
		out.paths = append(out.paths, all)
	}
	return out
}

type question struct {
	s *Snapshot
	q Query
}

// questions draws questions about items: seven of ten at a scope where the account has a binding, the others anywhere.
func (l *loaded) questions(n int) []question {
	rnd := rand.New(rand.NewPCG(8, 8))
	out := make([]question, 0, n)
	for len(out) < n {
		o := rnd.IntN(len(l.orgs))
		s := l.orgs[o]
		h, _ := s.Account(long("us", o*1_000_000+rnd.IntN(int(s.subjects.top))))
		g := s.grantsOf(h)
		if len(g.entries()) == 0 {
			continue
		}
		q := Query{Account: h, Org: s.org, Permission: l.perms[rnd.IntN(len(l.perms))], Path: l.paths[o][rnd.IntN(len(l.paths[o]))], Now: 1}
		if rnd.IntN(10) < 7 {
			e := g.entries()[rnd.IntN(len(g.entries()))]
			b := s.binding(uint32(e) & slotBits)
			if b.Scope.Depth() == 3 {
				q.Path = b.Scope
			}
		}
		out = append(out, question{s, q})
	}
	return out
}

func BenchmarkDecide(b *testing.B) {
	for _, name := range []string{"S", "L"} {
		b.Run(name, func(b *testing.B) {
			l := loads[name].build(b)
			qs := l.questions(1 << 16)
			allowed := 0
			for _, q := range qs {
				if q.s.Decide(&q.q).Allowed {
					allowed++
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				q := &qs[i&(1<<16-1)]
				q.s.Decide(&q.q)
			}
			b.ReportMetric(float64(allowed)/(1<<16), "allowed/op")
		})
	}
}

// BenchmarkLoad builds whole organisations and reports the heap they keep.
func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"S", "L"} {
		b.Run(name, func(b *testing.B) {
			shape := loads[name]
			var before, after runtime.MemStats
			for range b.N {
				runtime.GC()
				runtime.ReadMemStats(&before)
				l := shape.build(b)
				l.paths = nil
				runtime.GC()
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(shape.orgs*shape.bindings), "bytes/binding")
				runtime.KeepAlive(l)
			}
		})
	}
}

func BenchmarkEditOneBinding(b *testing.B) {
	for _, n := range []int{500, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := load{orgs: 1, accounts: n, groups: n / 5, roles: 4, bindings: 10 * n}.build(b)
			s := l.orgs[0]
			rnd := rand.New(rand.NewPCG(9, 9))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				d := s.Edit()
				err := d.PutBinding(Binding{ID: long("bi", rnd.IntN(10*n)), Subject: long("us", rnd.IntN(n)), Role: "code:role-1",
					Scope: l.paths[0][rnd.IntN(len(l.paths[0]))], Effect: Allow, End: int64(i%2) * 100})
				if err != nil {
					b.Fatal(err)
				}
				s = d.Snapshot()
			}
		})
	}
}

// BenchmarkEditGroup changes one binding of a group of 10,000 accounts.
func BenchmarkEditGroup(b *testing.B) {
	l := load{orgs: 1, accounts: 10_000, groups: 100, roles: 4, bindings: 50_000}.build(b)
	d := l.orgs[0].Edit()
	d.PutGroup("everyone")
	for i := range 10_000 {
		if err := d.AddMember("everyone", long("us", i)); err != nil {
			b.Fatal(err)
		}
	}
	s := d.Snapshot()
	b.ResetTimer()
	for i := range b.N {
		d := s.Edit()
		if err := d.PutBinding(Binding{ID: "b", Subject: "everyone", Role: "code:role-1", Scope: l.paths[0][i%100], Effect: Allow}); err != nil {
			b.Fatal(err)
		}
		s = d.Snapshot()
	}
}
