// Command claviger is the operator's tool of an identity database: it lists and
// changes what is in the file, says who may do what and why, and looks for
// damage. Package cli has its commands, for hosts that would rather have them in
// their own program; "claviger help" lists them.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/claviger-go/claviger/cmd/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := cli.Run(ctx, cli.Options{Terminal: terminal(os.Stdout)}, os.Args[1:])
	stop()
	os.Exit(code)
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
