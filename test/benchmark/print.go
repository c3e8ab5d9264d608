package main

import (
	"fmt"
	"io"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

// print writes the report for people.
func (p *report) print(w io.Writer) {
	m := p.Machine
	fmt.Fprintf(w, "%s form, seed %d, %s, took %s, commit %s\n", p.Form, p.Seed, p.Started.Format("2006-01-02 15:04 UTC"), p.Took, m.Commit)
	fmt.Fprintf(w, "%s, %d cores, %s, Linux %s, %s\n", m.CPU, m.Cores, m.Memory, m.Kernel, m.Go)
	if p.failed != nil {
		fmt.Fprintf(w, "INCOMPLETE, because a step failed: %v\n", p.failed)
	}
	if len(p.Repetitions) > 0 {
		p.printRepetitions(w)
	}
	if p.Scale != nil {
		p.Scale.print(w)
	}
	if p.Weight != nil {
		fmt.Fprintf(w, "\nWhat one of %d objects costs the API server:\n\n", p.Weight.Objects)
		p.Weight.table().Print(w)
		fmt.Fprintln(w)
		p.Weight.fieldTable().Print(w)
	}
	if p.Sync != nil {
		p.Sync.print(w)
	}
}

func (p *report) printRepetitions(w io.Writer) {
	fmt.Fprintf(w, "%d of %d repetitions count: the floor of the others moved by more than %.0f %%", p.Kept, len(p.Repetitions), maxDrift*100)
	if p.Kept == 0 {
		fmt.Fprint(w, ". THE FIGURES BELOW PROVE NOTHING")
	}
	fmt.Fprint(w, "\n\n")
	p.figures().Print(w)
	last := p.Repetitions[len(p.Repetitions)-1]
	fmt.Fprintf(w, "Of the last repetition:\n\n")
	last.floors().Print(w)
	if refused := last.Before.Refused + last.After.Refused; refused > 0 {
		fmt.Fprintf(w, "The API server answered %d writes of the floor with 429; client-go sent them again.\n\n", refused)
	}
	last.bursts().Print(w)
	last.consumption().Print(w)
}

func (p *report) figures() markdown.Table {
	t := markdown.Table{{"figure", "measured", "floor", "ratio", "bar", "stands"}}
	for _, f := range p.Figures {
		t.Add(f.Name, meter.Number(f.Value)+f.Unit, meter.Number(f.Floor)+f.Unit, fmt.Sprintf("%.2f", f.Ratio), f.bar(), f.stands())
	}
	return t
}

func (f figure) bar() string {
	if f.Bar == 0 {
		return "0"
	}
	if f.Below {
		return "< " + meter.Number(f.Bar)
	}
	return ">= " + meter.Number(f.Bar)
}

func (f figure) stands() string {
	if f.Met {
		return "met"
	}
	return "MISSED"
}

func (rep *repetition) floors() markdown.Table {
	t := markdown.Table{{"floor", "writers", "before", "after", "p50 ms", "p99 ms"}}
	row := func(name string, before, after floorRow) {
		mean := before.mean(after)
		t.Add(name, fmt.Sprint(before.Writers), meter.Number(before.PerSecond)+"/s", meter.Number(after.PerSecond)+"/s", meter.Number(mean.P50), meter.Number(mean.P99))
	}
	row("creates", rep.Creates, rep.Creates)
	row("status updates", rep.Before.Updates, rep.After.Updates)
	row("status updates", rep.Before.Many, rep.After.Many)
	row("one hot object", rep.Before.Hot, rep.After.Hot)
	row("one hot object, each reads and retries", rep.Before.HotMany, rep.After.HotMany)
	return t
}

func (rep *repetition) bursts() markdown.Table {
	t := markdown.Table{{"burst", "events", "deliveries", "connections", "acknowledged", "p50 ms", "p99 ms", "reflected", "batches", "requests/event", "503s"}}
	for _, m := range rep.Bursts {
		t.Add(m.Name, fmt.Sprint(m.Events), fmt.Sprint(m.Deliveries), fmt.Sprint(m.Connections), meter.Number(m.Acknowledged)+"/s",
			meter.Number(m.AckP50), meter.Number(m.AckP99), meter.Number(m.Reflected)+"/s", fmt.Sprint(m.Batches),
			fmt.Sprintf("%.2f", float64(m.Requests)/float64(m.Events)), fmt.Sprint(m.Retries))
	}
	return t
}

// consumption shows the CPU seconds that 1,000 events took of each process, and how large the operator's were at the end.
func (rep *repetition) consumption() markdown.Table {
	names := []string{"receiver", "controllers", "kube-apiserver", "etcd", "bench"}
	t := markdown.Table{append([]string{"CPU s/1,000 events"}, append(names, "receiver MiB", "controllers MiB")...)}
	cpu := func(what string, seconds map[string]float64, events int) []string {
		row := []string{what}
		for _, name := range names {
			row = append(row, fmt.Sprintf("%.2f", seconds[name]*1000/float64(events)))
		}
		return row
	}
	t.Add(append(cpu("floor: status updates", rep.After.CPU, rep.After.Updates.Writes), "", "")...)
	for _, m := range rep.Bursts {
		t.Add(append(cpu(m.Name, m.Usage.CPU, m.Events), meter.Number(m.Usage.RSS["receiver"]), meter.Number(m.Usage.RSS["controllers"]))...)
	}
	return t
}
