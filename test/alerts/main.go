package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// options are the flags.
type options struct {
	binary   string
	only     string
	keepLogs bool
}

func main() {
	ctrllog.SetLogger(logr.Discard())
	var o options
	flag.StringVar(&o.binary, "binary", "", "The operator's binary. Default: build it.")
	flag.StringVar(&o.only, "only", "", "Induce only the faults of alerts whose name matches this regular expression.")
	flag.BoolVar(&o.keepLogs, "keep-logs", false, "Keep the logs although nothing failed.")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

// run induces the faults one after the other and prints what fired. It leaves nothing running.
func run(ctx context.Context, o options) (err error) {
	started := time.Now()
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	e, err := newEnv(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(err != nil && ctx.Err() == nil)) }()
	if err := e.start(ctx); err != nil {
		return err
	}
	var fired []firing
	var failed []error
	for _, f := range faults {
		if !slices.ContainsFunc(f.alerts, only.MatchString) {
			continue
		}
		found, err := e.play(ctx, f)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			progress("FAILURE: %v", err)
			failed = append(failed, fmt.Errorf("%s: %w", f.what, errors.Join(err, e.restore(ctx))))
		}
		fired = append(fired, found...)
	}
	printTable(os.Stdout, fired)
	fmt.Printf("\n%d of %d alerts fired and ended; %.0f s in all.\n", len(fired), len(e.alerts), time.Since(started).Seconds())
	return errors.Join(failed...)
}

// progress reports to the user what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05.0 ")+format+"\n", args...)
}
