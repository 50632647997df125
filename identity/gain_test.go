package identity_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whether calls may be made is compared for about four seconds, or with CLAVIGER_SOAK=long for ten minutes. For another time, and to
// repeat a world with the seed that a failure prints:
//
//	go test ./identity -run TestSec48_Gains -gains 1h -timeout 0 -v
//	go test ./identity -run TestSec48_Gains -gain N
var (
	gainsFor = flag.Duration("gains", 4*time.Second, "how long to compare what calls give")
	gainSeed = flag.Uint64("gain", 0, "the one world to compare; 0 for many")
)

const (
	callsOfGains = 120
	fewestWorlds = 6 // so that what is measured of them says something
)

// TestSec48_Gains makes random management calls in random worlds, as users and service accounts, through tokens that were cut down and
// in delegations, and works out for each what everybody can do before and after it, by enumeration. A call that lets somebody do what its
// caller does not surely hold, that makes a proof of a stronger account, or that narrows one, must be refused; others are counted that
// were refused all the same. In half of the worlds only a set of accounts makes calls that is closed under making proofs of one
// another, and what they can do together must never grow.
func TestSec48_Gains(t *testing.T) {
	onOneGoroutine(t)
	if *gainSeed != 0 {
		playGains(t, *gainSeed)
		return
	}
	if os.Getenv("CLAVIGER_SOAK") == "long" {
		*gainsFor = max(*gainsFor, 10*time.Minute)
	}
	base, worlds, all := uint64(time.Now().UnixNano()), 0, newGains()
	for until := time.Now().Add(*gainsFor); worlds < fewestWorlds || time.Now().Before(until); worlds++ {
		all.add(playGains(t, base+uint64(worlds)))
	}
	t.Logf("%d worlds from seed %d: %s", worlds, base, all)
	all.measure(t, worlds, *gainsFor >= 5*time.Minute)
	for kind := range all.kinds {
		if *gainsFor >= 5*time.Minute && all.kinds[kind].done == 0 && kind != "GrantOwner" {
			t.Errorf("no %s was ever let through", kind)
		}
	}
}

func playGains(t *testing.T, seed uint64) gains {
	t.Helper()
	return play(t, newScript(seed, 48, callsOfGains), "-run TestSec48_Gains -gain", playGain)
}

// measure fails the test when hardly anything was let through, or more was refused needlessly than ever was: of six worlds about one call
// in seven of those that nothing speaks against, and one in four once in a hundred runs.
func (n gains) measure(t *testing.T, worlds int, long bool) {
	t.Helper()
	needless := 0
	for _, v := range n.needless {
		needless += v
	}
	if n.done < 5*worlds {
		t.Errorf("%d calls done in %d worlds", n.done, worlds)
	}
	most := 0.36
	if long {
		most = 0.2
	}
	if share := float64(needless) / float64(max(1, n.done+needless)); share > most {
		t.Errorf("%d calls done, %d refused needlessly: a share of %.2f, at most %.2f", n.done, needless, share, most)
	}
}

// gains counts.
type gains struct {
	done, refused, invalid, closed, asked int
	because                               map[string]int // why calls were refused rightly
	needless                              map[string]int // refused though nothing speaks against it: by kind and cause
	kinds                                 map[string]*kindCount
}

type kindCount struct{ done, refused, needless, invalid int }

func newGains() gains {
	return gains{because: map[string]int{}, needless: map[string]int{}, kinds: map[string]*kindCount{}}
}

func (n *gains) add(o gains) {
	n.done, n.refused, n.invalid, n.closed, n.asked = n.done+o.done, n.refused+o.refused, n.invalid+o.invalid, n.closed+o.closed, n.asked+o.asked
	for k, v := range o.needless {
		n.needless[k] += v
	}
	for k, v := range o.because {
		n.because[k] += v
	}
	for k, v := range o.kinds {
		c := n.kind(k)
		c.done, c.refused, c.needless, c.invalid = c.done+v.done, c.refused+v.refused, c.needless+v.needless, c.invalid+v.invalid
	}
}

func (n *gains) kind(k string) *kindCount {
	if n.kinds[k] == nil {
		n.kinds[k] = &kindCount{}
	}
	return n.kinds[k]
}

func (n gains) String() string {
	var b strings.Builder
	needless := 0
	for _, v := range n.needless {
		needless += v
	}
	fmt.Fprintf(&b, "%d calls done, %d refused rightly, %d refused needlessly, %d that made no sense; 0 wrongly permitted; %d worlds with a closed set, 0 growths; %d answers compared",
		n.done, n.refused, needless, n.invalid, n.closed, n.asked)
	for _, k := range slices.Sorted(maps.Keys(n.because)) {
		fmt.Fprintf(&b, "\n  rightly  %6d %s", n.because[k], k)
	}
	for _, k := range slices.Sorted(maps.Keys(n.needless)) {
		fmt.Fprintf(&b, "\n  needless %6d %s", n.needless[k], k)
	}
	for _, k := range slices.Sorted(maps.Keys(n.kinds)) {
		c := n.kinds[k]
		fmt.Fprintf(&b, "\n  %-40s done %6d refused %6d needlessly %6d no sense %6d", k, c.done, c.refused, c.needless, c.invalid)
	}
	return b.String()
}
