package machine

import (
	"runtime"
	"strings"
	"testing"
)

func TestModel(t *testing.T) {
	const info = "processor\t: 0\nvendor_id\t: X\nmodel\t\t: 8\nmodel name\t: Some(R)  CPU @ 2 GHz\nflags\t\t: a b\n"
	if got := model(info); got != "Some(R) CPU @ 2 GHz" {
		t.Errorf("model %q", got)
	}
	if got := model("processor: 0\nHardware: board\n"); got != "" {
		t.Errorf("model %q of a system that does not say", got)
	}
}

func TestLine(t *testing.T) {
	line := Line()
	if !strings.HasPrefix(line, runtime.GOOS+"/"+runtime.GOARCH+", ") || !strings.Contains(line, ", Go ") || strings.Contains(line, "\n") {
		t.Errorf("line %q", line)
	}
}

func TestVersion(t *testing.T) {
	if got := Version("example.com/none"); got != "unknown" {
		t.Errorf("version %q of what is not there", got)
	}
}
