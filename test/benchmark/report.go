package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/plot"
)

// report is the JSON file.
type report struct {
	Started time.Time `json:"started"`
	Took    string    `json:"took"`
	Form    string    `json:"form"`
	Seed    uint64    `json:"seed"`
	Sizes   sizes     `json:"sizes"`
	Machine machine   `json:"machine"`
	// Figures are medians over the repetitions that were not discarded; over all when none was kept.
	Figures     []figure     `json:"figures"`
	Kept        int          `json:"repetitionsKept"`
	Repetitions []repetition `json:"repetitions"`
	Scale       *scale       `json:"scale,omitempty"`
	Weight      *weight      `json:"weight,omitempty"`
	Sync        *syncFigures `json:"sync,omitempty"`
	// failed is the error of the step that ended the measurements too early. Such a report is only printed.
	failed error
}

// machine is where it was measured, and what.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Commit string `json:"commit"`
}

func newReport(ctx context.Context, o options) *report {
	form := "quick"
	if o.full {
		form = "full"
	}
	switch {
	case o.full && o.growth:
		form = "long"
	case o.growth:
		form = "growth"
	case o.weight && !o.full:
		form = "weight"
	case o.sync && !o.full:
		form = "sync"
	}
	return &report{Started: time.Now().UTC().Truncate(time.Second), Form: form, Seed: o.seed, Sizes: o.sizes, Machine: thisMachine(ctx)}
}

// thisMachine reads what Linux reports of the machine; elsewhere fields stay empty.
func thisMachine(ctx context.Context) machine {
	field := func(file, name string) string {
		b, _ := os.ReadFile(file)
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	commit, _ := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	return machine{
		CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: field("/proc/meminfo", "MemTotal"),
		Kernel: strings.TrimSpace(string(kernel)), Go: runtime.Version(), Commit: strings.TrimSpace(string(commit)),
	}
}

// repeat makes the repetitions. One that is discarded is made up for, at most once for each that was asked for; the quick form
// reports it and goes on, for its timings are not what it is about.
func (p *report) repeat(ctx context.Context, o options) error {
	attempts := o.sizes.Repetitions
	if o.full {
		attempts *= 2
	}
	var kept []repetition
	for n := 0; n < attempts && len(kept) < o.sizes.Repetitions; n++ {
		rep, err := repeatOnce(ctx, o, o.seed+uint64(n))
		if err != nil {
			return fmt.Errorf("repetition %d: %w", n+1, err)
		}
		p.Repetitions = append(p.Repetitions, rep)
		if rep.Discarded {
			progress("Repetition %d is discarded: the floor moved by %.0f %%", n+1, rep.Drift*100)
		} else {
			kept = append(kept, rep)
		}
		p.Kept = len(kept)
		if p.Figures = medianFigures(kept); len(kept) == 0 {
			p.Figures = medianFigures(p.Repetitions)
		}
	}
	return nil
}

// write writes the JSON file, if one is wanted.
func (p *report) write(file string) error {
	if file == "" {
		return nil
	}
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

// draw draws growth, if there is any to draw and a file is wanted.
func (p *report) draw(file string) error {
	if file == "" || p.Scale == nil {
		return nil
	}
	panels := []plot.Panel{
		memoryPanel("MiB resident, by assets", p.Scale.Assets, func(f footprint) int { return f.Assets }),
		cpuPanel("CPU s per 1,000 events, by assets", p.Scale.Assets, func(f footprint) int { return f.Assets }),
		memoryPanel("MiB resident, by endpoints", p.Scale.Endpoints, func(f footprint) int { return f.Endpoints }),
		cpuPanel("CPU s per 1,000 events, by endpoints", p.Scale.Endpoints, func(f footprint) int { return f.Endpoints }),
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		2*plot.PanelWidth, 2*plot.PanelHeight)
	fmt.Fprintln(&b, `<rect width="100%" height="100%" fill="white"/>`)
	for i := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%2*plot.PanelWidth, i/2*plot.PanelHeight)
		panels[i].Draw(&b)
		fmt.Fprintln(&b, "</g>")
	}
	fmt.Fprintln(&b, "</svg>")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
