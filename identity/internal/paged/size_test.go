package paged

import (
	"fmt"
	"runtime"
	"testing"
)

func TestSizeIsNear(t *testing.T) {
	type value [6]uint64
	for _, n := range []int{1000, 50_000} {
		var before, after runtime.MemStats
		live := func(m *runtime.MemStats) {
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(m)
		}
		live(&before)
		e := Table[value]{}.Edit()
		for i := range n {
			e.Put(fmt.Sprintf("us_%026d", i), value{})
		}
		table := e.Table()
		e = nil
		live(&after)
		real := float64(after.HeapAlloc) - float64(before.HeapAlloc)
		if ratio := float64(table.Size()) / real; ratio < 0.75 || ratio > 1.25 {
			t.Errorf("%d keys: estimated %d bytes, really %.0f", n, table.Size(), real)
		}
		runtime.KeepAlive(table)
	}
}

func TestSame(t *testing.T) {
	var zero Table[int]
	e := zero.Edit()
	if !zero.Same(e.Table()) || !zero.Same(Table[int]{}) {
		t.Error("an edit that changes nothing makes another table")
	}
	e.Put("a", 1)
	one := e.Table()
	if one.Same(zero) || !one.Same(one) || !one.Same(one.Edit().Table()) {
		t.Error("one key")
	}
	for what, edit := range map[string]func(*Editor[int]){
		"a value replaced":  func(e *Editor[int]) { e.Put("a", 2) },
		"the same value":    func(e *Editor[int]) { e.Put("a", 1) },
		"a key added":       func(e *Editor[int]) { e.Put("b", 1) },
		"a key deleted":     func(e *Editor[int]) { e.Delete("a") },
		"deleted and again": func(e *Editor[int]) { e.Delete("a"); e.Put("a", 1) },
	} {
		e := one.Edit()
		edit(e)
		if e.Table().Same(one) {
			t.Errorf("%s: the same", what)
		}
	}
}
