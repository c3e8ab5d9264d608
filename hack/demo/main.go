// The demo shows FastPix events becoming Kubernetes resources: it starts a real control plane and the operator as it is
// deployed, plays the sample that FastPix publishes and five stories as signed requests, and shows what kubectl shows.
//
// In a terminal it stays up and says how to use it. Else, or with DEMO_EXIT=1, it checks the final states and whether
// anything secret was kept, and exits 0 or 1. DEMO_PACE sets the pause between two events, such as 1s.
//
// With -sign it prints the FastPix-Signature of its standard input instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

func main() {
	sign := flag.Bool("sign", false, "print the signature of standard input under the samples' secret")
	flag.Parse()
	if *sign {
		exit(printSignature())
	}
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	exit(run(endWithParent(ctx), readOptions()))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func printSignature() error {
	body, err := io.ReadAll(os.Stdin)
	if err == nil {
		fmt.Println(fixtures.Sign(fixtures.SigningSecret, body))
	}
	return err
}

// options say how the demo behaves.
type options struct {
	// stay keeps everything running until Ctrl-C.
	stay bool
	// pace is the pause after each event.
	pace time.Duration
}

func readOptions() options {
	o := options{stay: term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("DEMO_EXIT") == "", pace: 20 * time.Millisecond}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		o.pace = 300 * time.Millisecond // one can read along
	}
	if pace, err := time.ParseDuration(os.Getenv("DEMO_PACE")); err == nil {
		o.pace = pace
	}
	return o
}

// run does everything and leaves nothing behind, however it ends.
func run(ctx context.Context, o options) (err error) {
	d := &demo{options: o, started: time.Now()}
	defer func() { err = errors.Join(d.explain(ctx, err), d.close()) }()
	if err := d.setUp(ctx); err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	if err := d.check(ctx); err != nil {
		return err
	}
	if !o.stay {
		return nil
	}
	return d.stayUp(ctx)
}

// close ends every process and removes every file.
func (d *demo) close() error {
	if d.plane == nil {
		return nil
	}
	return d.plane.Close()
}

// explain adds the ends of the logs to an error. That the user ended the demo is none.
func (d *demo) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		fmt.Println("\nStopped.")
		if d.options.stay {
			return nil
		}
		return context.Cause(ctx)
	}
	for _, p := range d.processes() {
		err = fmt.Errorf("%w\n\nthe log of the %s ends:\n%s", err, p.Name, process.Tail(p.Log, 20))
	}
	return err
}

// endWithParent ends the context when the process that started this one is gone: nothing may stay behind if make is killed.
func endWithParent(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				cancel(errors.New("the process that started the demo is gone"))
			}
		}
	}()
	return ctx
}
