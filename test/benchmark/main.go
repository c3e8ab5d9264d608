package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// options are the flags.
type options struct {
	quick, full, long bool
	growth, weight    bool
	sync              bool
	out, plot         string
	profiles          string
	binary            string
	seed              uint64
	sizes             sizes
}

func parseFlags() options {
	var o options
	var events, repetitions, assets, journal int
	flag.BoolVar(&o.quick, "quick", false, "The quick form, which is also the default.")
	flag.BoolVar(&o.full, "full", false, "Full bursts, median of three repetitions.")
	flag.BoolVar(&o.long, "long", false, "The full form, then growth: up to 100,000 assets, a full journal, and up to 1,000 endpoints.")
	flag.BoolVar(&o.growth, "growth", false, "Growth alone: what the long form adds to the full form.")
	flag.BoolVar(&o.weight, "weight", false, "Weight alone: what a mirror costs the API server. It is a part of the full form.")
	flag.BoolVar(&o.sync, "sync", false, "Sync alone: how fast the mirrors of an existing workspace are made, and what a comparison costs.")
	flag.StringVar(&o.plot, "plot", "", "Draw growth into this SVG `file`.")
	flag.StringVar(&o.out, "out", "", "Write everything that was measured to this JSON `file`.")
	flag.StringVar(&o.profiles, "profiles", "", "Write CPU profiles of the API server during the bursts into this `folder`, profiles of its heap with the weight, and of the controllers' heap with growth; they cost a little of the rates.")
	flag.StringVar(&o.binary, "binary", "", "The operator's binary. Default: build it.")
	flag.Uint64Var(&o.seed, "seed", 1, "Seed of ids, order and duplicates.")
	flag.IntVar(&events, "events", 0, "Events of a burst instead of the form's.")
	flag.IntVar(&repetitions, "repetitions", 0, "Repetitions instead of the form's.")
	flag.IntVar(&assets, "assets", 0, "Assets of growth, and media of sync's memory, instead of 100,000.")
	flag.IntVar(&journal, "journal", 0, "Events of the long form's full journal instead of 256,000.")
	flag.Parse()
	o.full = (o.full || o.long) && !o.quick
	o.growth = (o.growth || o.long) && !o.quick
	o.sizes = sizesOf(o.full || (o.weight || o.sync) && !o.quick).override(events, repetitions, assets, journal)
	return o
}

func main() {
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, parseFlags())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the options ask for and reports it. A missed bar is no error: the table shows it.
func run(ctx context.Context, o options) error {
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return fmt.Errorf("make the folder for profiles: %w", err)
		}
	}
	report := newReport(ctx, o)
	report.failed = report.measure(ctx, o)
	report.Took = time.Since(report.Started).Round(time.Second).String()
	report.print(os.Stdout)
	if report.failed != nil {
		return report.failed
	}
	return errors.Join(report.write(o.out), report.draw(o.plot))
}

// measure makes the measurements that the options ask for, up to the first that fails.
func (p *report) measure(ctx context.Context, o options) error {
	if o.full || !o.growth && !o.weight && !o.sync {
		if err := p.repeat(ctx, o); err != nil {
			return err
		}
	}
	if o.growth {
		scale, err := runScale(ctx, o)
		if len(scale.Assets) > 0 {
			p.Scale = scale
		}
		if err != nil {
			return fmt.Errorf("measure growth: %w", err)
		}
	}
	if o.full || o.weight {
		weight, err := runWeight(ctx, o)
		if err != nil {
			return fmt.Errorf("weigh mirrors: %w", err)
		}
		p.Weight = weight
	}
	if o.sync {
		comparison, err := runSync(ctx, o)
		if err != nil {
			return fmt.Errorf("measure sync: %w", err)
		}
		p.Sync = comparison
	}
	return nil
}

// progress reports to the user what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
