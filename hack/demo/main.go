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
	sign := flag.Bool("sign", false, "Print the signature of standard input with the secret of the samples, and exit.")
	flag.Parse()
	if *sign {
		exit(printSignature())
	}
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	exit(run(cancelWithParent(ctx), readOptions()))
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

// options are the settings of the demo.
type options struct {
	// keepRunning keeps all processes running until Ctrl-C.
	keepRunning bool
	// pace is the pause after each event.
	pace time.Duration
}

func readOptions() options {
	o := options{keepRunning: term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("DEMO_EXIT") == "", pace: 20 * time.Millisecond}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		o.pace = 300 * time.Millisecond // slow enough to read
	}
	if pace, err := time.ParseDuration(os.Getenv("DEMO_PACE")); err == nil {
		o.pace = pace
	}
	return o
}

// run runs the whole demo. It always ends the processes and removes the files of the demo.
func run(ctx context.Context, o options) (err error) {
	d := &demo{options: o, started: time.Now()}
	defer func() { err = errors.Join(d.addLogs(ctx, err), d.close()) }()
	if err := d.setUp(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{d.syncPast, d.runScenarios, d.repairLostWebhook, d.check} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if !o.keepRunning {
		return nil
	}
	return d.keepRunning(ctx)
}

// close ends every process and removes every file.
func (d *demo) close() error {
	if d.plane == nil {
		return nil
	}
	return errors.Join(d.plane.Close(), d.workspace.close())
}

// addLogs adds the last lines of the logs to an error. If the user ended the demo, that is not an error.
func (d *demo) addLogs(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		fmt.Println("\nStopped.")
		if d.options.keepRunning {
			return nil
		}
		return context.Cause(ctx)
	}
	for _, p := range d.processes() {
		err = fmt.Errorf("%w\n\nlast lines of the log of the %s:\n%s", err, p.Name, process.Tail(p.Log, 20))
	}
	return err
}

// cancelWithParent cancels the context when the parent process ends, so that no process keeps running after make is killed.
func cancelWithParent(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				cancel(errors.New("the process that started the demo ended"))
			}
		}
	}()
	return ctx
}
