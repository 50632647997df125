package soak

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSize builds a small server over SQLite with the library and without it,
// stripped: the library adds at most 3 MB. It runs in the long form only:
//
//	CLAVIGER_SOAK=long go test -run TestSize -v ./internal/soak
func TestSize(t *testing.T) {
	if testing.Short() || !long() {
		t.Skip("without CLAVIGER_SOAK=long: with nothing in the build cache it takes minutes")
	}
	plain, host := size(t, "plain"), size(t, "host")
	const most = 3_000_000
	t.Logf("without the library %d bytes, with it %d: %.2f MB more", plain, host, float64(host-plain)/1e6)
	if host-plain > most {
		t.Errorf("the library adds %d bytes, %d is the most", host-plain, most)
	}
}

func size(t *testing.T, program string) int64 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), program)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./testdata/"+program)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
	return must(os.Stat(binary))(t).Size()
}
