// Package machine says where figures were taken and with what: two lines that stand above every table.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Line names the platform, the number of processors, their model where the system tells it, and the release of Go.
func Line() string {
	line := fmt.Sprintf("%s/%s, %d CPU", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := model(string(info)); model != "" {
			line += ", " + model
		}
	}
	return line + ", " + strings.Replace(runtime.Version(), "go", "Go ", 1)
}

// model finds the model name in the text of /proc/cpuinfo, "" if there is none.
func model(info string) string {
	for line := range strings.Lines(info) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// Version is the version of a module that this program was built with, "this tree" if its source lies beside it, and
// "unknown" if the program does not tell.
func Version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, d := range info.Deps {
		if d.Path != module {
			continue
		}
		if d.Replace != nil && !strings.HasPrefix(d.Replace.Version, "v") { // a folder has no version
			return "this tree"
		}
		return d.Version
	}
	return "unknown"
}
