package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// maxRound is how long faults go on before everything is checked: the oracle keeps every event of a round in memory.
const maxRound = 10 * time.Minute

// defaultGap is so short that a minute has each kind of fault.
const defaultGap = 1400 * time.Millisecond

// options are the flags.
type options struct {
	duration time.Duration
	seed     uint64
	assets   int
	rate     int
	gap      time.Duration
	binary   string
	keepLogs bool
}

func parseFlags() options {
	var o options
	flag.DurationVar(&o.duration, "duration", time.Minute, "How long faults go on, in rounds of at most ten minutes.")
	flag.Uint64Var(&o.seed, "seed", 0, "Seed of faults and events. Default: a new one, which is printed.")
	flag.IntVar(&o.assets, "assets", 300, "How many histories are sent at once. A history that ends is replaced by another.")
	flag.IntVar(&o.rate, "rate", 90, "Events per second.")
	flag.DurationVar(&o.gap, "gap", defaultGap, "Mean time from the begin of a fault to that of the next; most last longer.")
	flag.StringVar(&o.binary, "binary", "", "The operator's binary. Default: build it.")
	flag.BoolVar(&o.keepLogs, "keep-logs", false, "Keep the logs although nothing failed.")
	flag.Parse()
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32()) + 1
	}
	return o
}

func (o options) validate() error {
	if o.duration < time.Second || o.assets < 1 || o.rate < 1 || o.gap < time.Millisecond || flag.NArg() > 0 {
		return errors.New("-duration must be at least 1s, -assets, -rate and -gap at least 1 (1ms), and there are no arguments")
	}
	return nil
}

// rounds returns how long each round is.
func (o options) rounds() []time.Duration {
	n := (o.duration + maxRound - 1) / maxRound
	rounds := make([]time.Duration, n)
	for i := range rounds {
		rounds[i] = o.duration / n
	}
	return rounds
}

func main() {
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, parseFlags())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// run plays every round, prints what was survived, and leaves nothing running.
func run(ctx context.Context, o options) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	fmt.Printf("Play it again with -seed %d -duration %v -assets %d -rate %d -gap %v\n", o.seed, o.duration, o.assets, o.rate, o.gap)
	started := time.Now()
	r, err := newTestEnv(ctx, o)
	if err != nil {
		return err
	}
	report := newReport()
	defer func() { err = errors.Join(err, r.close(err != nil && ctx.Err() == nil)) }()
	if err := r.start(ctx); err != nil {
		return err
	}
	for i, duration := range o.rounds() {
		if err := runRound(ctx, r, i, duration, report); err != nil {
			return errors.Join(fmt.Errorf("round %d: %w", i+1, err), r.failures())
		}
	}
	report.print(os.Stdout, r, time.Since(started))
	return errors.Join(r.failures(), report.verdict())
}

// progress reports to the user what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05.0 ")+format+"\n", args...)
}
