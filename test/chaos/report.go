package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

// report is what all rounds together showed.
type report struct {
	mu              sync.Mutex
	faults          map[string]survival
	rounds          int
	events          int // that differ from each other
	acks            int
	answers         map[string]int
	silence         time.Duration
	recovery        time.Duration // the longest from the end of all faults to an empty journal
	slowestReceiver time.Duration // the longest that a receiver took until it took an event after all faults
	failOver        time.Duration // from the death of the leader to an event that another one mirrored
	runs            int           // requested comparisons with FastPix that ended before the last two
	failed          int           // records that could not be folded for a while
	compared        comparison
	resources       map[string]resources
}

// survival is how often a kind of fault was survived, and how long it took at most until an event was mirrored again.
type survival struct {
	count         int
	withoutEffect int // how often it had no effect, from which nothing follows
	longest       time.Duration
}

func newReport() *report {
	return &report{faults: map[string]survival{}, answers: map[string]int{}}
}

func (p *report) survived(f fault, recovery time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.faults[f.name]
	s.count++
	s.longest = max(s.longest, recovery)
	p.faults[f.name] = s
}

// withoutEffect notes a fault that had no effect.
func (p *report) withoutEffect(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.faults[f.name]
	s.withoutEffect++
	p.faults[f.name] = s
}

// runEnded notes a requested comparison with FastPix that has ended, well or not.
func (p *report) runEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs++
}

// refused notes records that are reported as failed.
func (p *report) refused(records int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed += records
}

// receiverAccepted notes how long a receiver took until it had taken an event after all faults.
func (p *report) receiverAccepted(after time.Duration) {
	p.slowestReceiver = max(p.slowestReceiver, after)
}

func (p *report) recovered(after time.Duration) { p.recovery = max(p.recovery, after) }

// add takes over what a round showed.
func (p *report) add(n *round, c comparison, now map[string]resources) {
	p.rounds++
	events, deliveries := n.oracle.Counts()
	p.events += events
	p.acks += deliveries
	for answer, count := range n.sender.answers {
		p.answers[answer] += count
	}
	p.silence = max(p.silence, n.sender.silence)
	p.compared.mirrors += c.mirrors
	p.compared.wrong += c.wrong
	p.compared.lost += c.lost
	p.compared.uncommitted += c.uncommitted
	p.compared.survived += c.survived
	p.compared.repaired += c.repaired
	p.compared.observed += c.observed
	p.resources = now
}

// verdict is an error if something was lost.
func (p *report) verdict() error {
	if c := p.compared; c.wrong > 0 || c.uncommitted > 0 || c.survived > 0 {
		return fmt.Errorf("%d events were acknowledged and not committed, mirrors show nothing of %d, %d mirrors are wrong, %d lost webhooks survived two runs",
			c.uncommitted, c.lost, c.wrong, c.survived)
	}
	return nil
}

func (p *report) print(w io.Writer, r *testEnv, took time.Duration) {
	fmt.Fprintf(w, "\nSeed %d, %v of faults, one every %v, in %d rounds, %d histories at once, %d events a second; took %v.\n\n",
		r.options.seed, r.options.duration, r.options.gap, p.rounds, r.options.assets, r.options.rate, took.Round(time.Second))
	p.survivals().Print(w)
	p.deliveries().Print(w)
	p.processes(r).Print(w)
	fmt.Fprintln(w, tolerances())
}

func (p *report) survivals() markdown.Table {
	t := markdown.Table{{"fault", "survived", "without effect", "longest recovery"}}
	all := survival{}
	for _, name := range slices.Sorted(maps.Keys(p.faults)) {
		s := p.faults[name]
		all = survival{count: all.count + s.count, withoutEffect: all.withoutEffect + s.withoutEffect, longest: max(all.longest, s.longest)}
		t.Add(name, fmt.Sprint(s.count), fmt.Sprint(s.withoutEffect), seconds(s.longest))
	}
	t.Add("all", fmt.Sprint(all.count), fmt.Sprint(all.withoutEffect), seconds(all.longest))
	return t
}

func (p *report) deliveries() markdown.Table {
	attempts, refused := 0, 0
	for answer, count := range p.answers {
		attempts += count
		if answer != "200" && answer != "none" {
			refused += count
		}
	}
	t := markdown.Table{{"events", ""}}
	t.Add("sent, different ones", fmt.Sprint(p.events))
	t.Add("deliveries attempted", fmt.Sprint(attempts))
	t.Add("of these without an answer", fmt.Sprint(p.answers["none"]))
	t.Add("of these answered 503 or, while the endpoint was away, 404", fmt.Sprint(refused))
	t.Add("acknowledged deliveries", fmt.Sprint(p.acks))
	t.Add("duplicates absorbed", fmt.Sprint(p.acks-p.events))
	t.Add("records reported as failed, then folded", fmt.Sprint(p.failed))
	t.Add("mirrors that equal the oracle's", fmt.Sprint(p.compared.mirrors))
	t.Add("mirrors that do not", fmt.Sprint(p.compared.wrong))
	t.Add("acknowledged events found in the journal, received before they were acknowledged", fmt.Sprint(p.events-p.compared.uncommitted))
	t.Add("acknowledged events not found there", fmt.Sprint(p.compared.uncommitted))
	t.Add("acknowledged events of which a mirror shows nothing", fmt.Sprint(p.compared.lost))
	t.Add("webhooks lost on purpose", fmt.Sprint(p.compared.repaired+p.compared.survived))
	t.Add("lost webhooks that survived two runs", fmt.Sprint(p.compared.survived))
	t.Add("comparisons with FastPix that were requested and ended before the last two", fmt.Sprint(p.runs))
	t.Add("observations that all comparisons journaled", fmt.Sprint(p.compared.observed))
	t.Add("longest time without an acknowledgement", seconds(p.silence))
	t.Add("from the end of all faults to an empty journal, at most", seconds(p.recovery))
	t.Add("until each single receiver took an event after all faults, at most", seconds(p.slowestReceiver))
	t.Add("from the death of the leader at the end to an event that the other one mirrored", seconds(p.failOver))
	return t
}

func (p *report) processes(r *testEnv) markdown.Table {
	t := markdown.Table{{"process", "starts", "goroutines first, last", "files first, last", "heap MiB first, last", "MiB first, last"}}
	for _, m := range r.processes {
		a, b := r.baselines[m.Name], p.resources[m.Name]
		t.Add(m.Name, fmt.Sprint(m.starts.Load()), fmt.Sprintf("%d, %d", a.goroutines, b.goroutines),
			fmt.Sprintf("%d, %d", a.files, b.files), fmt.Sprintf("%.0f, %.0f", a.heap, b.heap), fmt.Sprintf("%.0f, %.0f", a.rss, b.rss))
	}
	return t
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
