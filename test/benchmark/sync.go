package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// syncAttempts bounds how often a backfill is measured whose burst of new media moved.
	syncAttempts = 2
	// syncMemory is the bound of the syncer's memory in MiB.
	syncMemory = 64
)

// syncFigures are what sync reaches and costs.
type syncFigures struct {
	Figures  []limitedFigure `json:"figures"`
	Backfill backfill        `json:"backfill"`
	Quiet    quietRun        `json:"runThatFindsNothing"`
	Webhooks []webhookLoad   `json:"webhooks"`
	Memory   []syncFootprint `json:"memory"`
}

// limitedFigure is a figure and what limits it.
type limitedFigure struct {
	figure
	Limit string `json:"limit"`
}

// backfill is the first comparison of a workspace, beside bursts of one event for each new media before and after it.
type backfill struct {
	Media     int     `json:"media"`
	PerSecond float64 `json:"mirrorsPerSecond"`
	Before    float64 `json:"newPerSecondBefore"`
	After     float64 `json:"newPerSecondAfter"`
	Drift     float64 `json:"drift"`
	// CPU is the CPU time of all processes but this one for one mirror, and NewCPU for one media of the bursts, in milliseconds. Other work on the
	// machine changes the rates much, and this little.
	CPU           float64 `json:"cpuMillisecondsPerMirror"`
	NewCPU        float64 `json:"cpuMillisecondsPerNewMedia"`
	Seconds       float64 `json:"seconds"`
	RequestsOfAPI int     `json:"fastPixRequests"`
	// Memory is the largest resident memory of the syncer that made it, in MiB.
	Memory float64     `json:"syncerPeakRSSMiB"`
	Usage  meter.Usage `json:"usage"`
}

// quietRun is a comparison that finds nothing.
type quietRun struct {
	Media    int            `json:"media"`
	Seconds  float64        `json:"seconds"`
	Requests int            `json:"apiServerRequests"`
	ByKind   map[string]int `json:"apiServerRequestsByKind"`
	// Writes are requests of anybody that changed a mirror or a batch.
	Writes        int `json:"writes"`
	RequestsOfAPI int `json:"fastPixRequests"`
}

// syncFootprint is the largest resident memory of a syncer that made one comparison, which found nothing.
type syncFootprint struct {
	Media   int     `json:"media"`
	Quiet   float64 `json:"runThatFindsNothingPeakRSSMiB"`
	Seconds float64 `json:"seconds"`
}

// runSync measures sync on one control plane.
func runSync(ctx context.Context, o options) (*syncFigures, error) {
	f := &syncFigures{}
	progress("Starting etcd, kube-apiserver, the operator and a management API for sync")
	return f, withSyncEnv(ctx, o, func(r *syncEnv) error {
		w, err := f.measureBackfill(ctx, r, o.sizes)
		if err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
		if f.Quiet, err = r.measureQuietRun(ctx, w); err != nil {
			return fmt.Errorf("a comparison that finds nothing: %w", err)
		}
		for _, l := range webhookLoads(o.sizes) {
			if err := r.measureWebhooks(ctx, &l, o.sizes.SyncMedia); err != nil {
				return fmt.Errorf("webhooks, %s: %w", l.Name, err)
			}
			f.Webhooks = append(f.Webhooks, l)
		}
		for _, media := range []int{o.sizes.SyncFew, o.sizes.SyncMany} {
			m, err := r.measureMemory(ctx, media)
			if err != nil {
				return fmt.Errorf("memory with %d media: %w", media, err)
			}
			f.Memory = append(f.Memory, m)
		}
		f.conclude()
		return nil
	})
}

// measureBackfill measures a backfill between two bursts of one event for each new media. It measures again if the bursts differ too much.
func (f *syncFigures) measureBackfill(ctx context.Context, r *syncEnv, s sizes) (w workspace, err error) {
	for attempt := range syncAttempts {
		b := &f.Backfill
		*b = backfill{Media: s.SyncMedia}
		name := fmt.Sprintf("sync-%d", attempt)
		before, err := r.mirrorNew(ctx, name+"-before", s.Single)
		if err != nil {
			return w, err
		}
		if w, err = r.newWorkspace(ctx, name, s.SyncMedia); err != nil {
			return w, err
		}
		if err = r.backfill(ctx, w, b); err != nil {
			return w, err
		}
		after, err := r.mirrorNew(ctx, name+"-after", s.Single)
		if err != nil {
			return w, err
		}
		b.Before, b.After = before.Reflected, after.Reflected
		b.NewCPU = (cpuFor(before.Usage, before.Events) + cpuFor(after.Usage, after.Events)) / 2
		if b.Drift = meter.Drift(b.Before, b.After); b.Drift <= maxDrift {
			break
		}
		progress("The bursts beside the backfill differ by %.0f %%", b.Drift*100)
	}
	return w, nil
}

// mirrorNew measures a burst of one event for each new media.
func (r *syncEnv) mirrorNew(ctx context.Context, name string, media int) (measurement, error) {
	t, err := r.newTenant(ctx, name)
	if err != nil {
		return measurement{}, err
	}
	return r.measure(ctx, burstNew, r.workload.Each(t, r.workload.Media(media), workload.MediaCreated), connections)
}

// cpuFor returns the CPU time of all processes but this one for one of n mirrors, in milliseconds.
func cpuFor(used meter.Usage, n int) float64 {
	total := 0.0
	for name, seconds := range used.CPU {
		if name != "bench" {
			total += seconds
		}
	}
	return total * 1000 / float64(n)
}

func (r *syncEnv) backfill(ctx context.Context, w workspace, b *backfill) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	before, start := meter.UsageOf(r.pids()), time.Now()
	finishProfile := r.profileAPIServerCPU(ctx, "backfill")
	if err := r.compare(ctx, w); err != nil {
		return err
	}
	if err := r.waitSynced(ctx, w); err != nil {
		return err
	}
	b.Usage, b.Memory = meter.UsageOf(r.pids()).Since(before), r.syncerPeak()
	if err := finishProfile(); err != nil {
		return err
	}
	log, err := r.readAudit(ctx)
	if err != nil {
		return err
	}
	took := log.LastStatus.Sub(start)
	b.CPU = cpuFor(b.Usage, w.media)
	b.Seconds, b.PerSecond, b.RequestsOfAPI = took.Seconds(), meter.PerSecond(w.media, took), r.requestsOfAPI()
	progress("%-32s %6.0f mirrors/s", "backfill", b.PerSecond)
	return r.verifyWorkspace(ctx, w)
}

// settle waits until what was done before leaves no requests behind, and begins to count.
func (r *syncEnv) settle(ctx context.Context) error {
	clock.Sleep(ctx, 1500*time.Millisecond)
	r.api.Requests()
	return r.audit.Skip()
}

func (r *syncEnv) readAudit(ctx context.Context) (meter.Requests, error) {
	clock.Sleep(ctx, 200*time.Millisecond) // the audit log trails the answers
	return r.audit.Read()
}

func (r *syncEnv) requestsOfAPI() (n int) {
	for _, count := range r.api.Requests() {
		n += count
	}
	return n
}

// measureQuietRun measures a comparison of mirrors that are right.
func (r *syncEnv) measureQuietRun(ctx context.Context, w workspace) (q quietRun, err error) {
	if err := r.settle(ctx); err != nil {
		return q, err
	}
	start := time.Now()
	if err := r.requestComparison(ctx, w); err != nil {
		return q, err
	}
	q.Media, q.Seconds = w.media, time.Since(start).Seconds()
	log, err := r.readAudit(ctx)
	if err != nil {
		return q, err
	}
	q.Requests, q.ByKind, q.RequestsOfAPI = log.Of(tenant.SyncerAccount), log.List(tenant.SyncerAccount), r.requestsOfAPI()
	for request, n := range log.Count {
		resource, _, _ := strings.Cut(request.Resource, "/")
		isRead := slices.Contains([]string{"get", "list", "watch"}, request.Verb)
		if !isRead && slices.Contains([]string{"mediaassets", "livestreams", "eventbatches"}, resource) {
			q.Writes += n
		}
	}
	progress("%-32s %6d requests to the API server, %d to FastPix, %d writes", "a comparison that finds nothing", q.Requests, q.RequestsOfAPI, q.Writes)
	return q, nil
}

// measureMemory measures a syncer that has just started and makes a comparison that finds nothing. The mirrors are stored without the operator.
func (r *syncEnv) measureMemory(ctx context.Context, media int) (m syncFootprint, err error) {
	m.Media = media
	w, err := r.newWorkspace(ctx, fmt.Sprintf("sync-memory-%d", media), 0)
	if err != nil {
		return m, err
	}
	first := r.addMedia(&w, 1)[0]
	if err := r.compare(ctx, w); err != nil {
		return m, err
	}
	if err := r.waitSynced(ctx, w); err != nil {
		return m, err
	}
	if err := r.addMirroredMedia(ctx, &w, first, media-w.media); err != nil {
		return m, err
	}
	if err := r.restartSyncer(ctx); err != nil {
		return m, err
	}
	start := time.Now()
	if err := r.requestComparison(ctx, w); err != nil {
		return m, err
	}
	m.Seconds, m.Quiet = time.Since(start).Seconds(), r.syncerPeak()
	progress("%-32s %6.1f MiB, %.0f s", fmt.Sprintf("a comparison of %d media", media), m.Quiet, m.Seconds)
	return m, nil
}

func (r *syncEnv) syncerPeak() float64 { return meter.UsageOf(r.pids()).PeakRSS["syncer"] }

// conclude computes the figures.
func (f *syncFigures) conclude() {
	b, q := f.Backfill, f.Quiet
	add := func(fig figure, limit string) { f.Figures = append(f.Figures, limitedFigure{fig, limit}) }
	add(newFigure("mirrors backfilled / one event per new asset", "/s", b.PerSecond, (b.Before+b.After)/2, 0.9, false),
		limitOf(b.Usage, time.Duration(b.Seconds*float64(time.Second))))
	add(newFigure("the same in CPU time", " ms", b.CPU, b.NewCPU, 1/0.9, true), "other work on the machine changes the rates much, and this little")
	pagesOfMirrors := (q.Media+apiserver.PageObjects-1)/apiserver.PageObjects + 1 // and one of live streams
	add(newFigure("API server requests of a run that finds nothing / pages of mirrors + 10", "", float64(q.Requests), float64(pagesOfMirrors+10), 1.1, true),
		listOf(q.ByKind))
	add(newZeroFigure("writes of mirrors and batches in that run", float64(q.Writes)), "")
	for _, l := range f.Webhooks {
		add(newFigure("p99 of acknowledgement during a backfill / without, "+l.Name, "ms", l.During.AckP99, l.Alone.AckP99, 2, true), l.limit())
		add(newFigure("p99 of time to mirrored during a backfill / without, "+l.Name, "ms", l.During.MirroredP99, l.Alone.MirroredP99, 2, true), l.limit())
	}
	few, many := f.Memory[0], f.Memory[1]
	of := fmt.Sprintf(", %d media / %d", many.Media, few.Media)
	add(newFigure("syncer's peak memory of a run that finds nothing"+of, " MiB", many.Quiet, few.Quiet, 1.2, true), "")
	add(newFigure(fmt.Sprintf("syncer's peak memory, %d media / %d MiB", many.Media, syncMemory), " MiB", many.Quiet, syncMemory, 1, true), "")
	add(newFigure(fmt.Sprintf("syncer's peak memory of a backfill of %d media / %d MiB", b.Media, syncMemory), " MiB", b.Memory, syncMemory, 1, true), "")
	pages := float64((b.Media+fastpixapi.PageSize-1)/fastpixapi.PageSize + 1)
	add(newFigure("FastPix requests of a backfill / pages", "", float64(b.RequestsOfAPI), pages, 1.05, true), "")
	add(newFigure("FastPix requests of a run that finds nothing / pages", "", float64(q.RequestsOfAPI), pages, 1.05, true), "")
}

// limitOf says how busy the cores were, and which processes used them most.
func limitOf(used meter.Usage, took time.Duration) string {
	total := 0.0
	for _, seconds := range used.CPU {
		total += seconds
	}
	if total == 0 || took <= 0 {
		return ""
	}
	cores := runtime.NumCPU()
	names := slices.SortedFunc(maps.Keys(used.CPU), func(a, b string) int { return cmp.Compare(used.CPU[b], used.CPU[a]) })
	var shares []string
	for _, name := range names[:min(len(names), 4)] {
		shares = append(shares, fmt.Sprintf("%s %.0f %%", name, 100*used.CPU[name]/total))
	}
	return fmt.Sprintf("%.0f %% of %d cores busy: %s", 100*total/(took.Seconds()*float64(cores)), cores, strings.Join(shares, ", "))
}

// listOf lists kinds of requests, the most frequent first, without the account.
func listOf(byKind map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(byKind), func(a, b string) int {
		return cmp.Or(cmp.Compare(byKind[b], byKind[a]), strings.Compare(a, b))
	})
	var list []string
	for _, kind := range kinds {
		_, what, _ := strings.Cut(kind, " ")
		list = append(list, fmt.Sprintf("%d %s", byKind[kind], what))
	}
	return strings.Join(list, ", ")
}

func (f *syncFigures) print(w io.Writer) {
	fmt.Fprintf(w, "\nSync, %d media; the bursts beside the backfill differ by %.0f %%:\n\n", f.Backfill.Media, f.Backfill.Drift*100)
	t := markdown.Table{{"figure", "measured", "beside", "ratio", "bar", "stands", "what limits it"}}
	for _, x := range f.Figures {
		t.Add(x.Name, meter.Number(x.Value)+x.Unit, meter.Number(x.Floor)+x.Unit, fmt.Sprintf("%.2f", x.Ratio), x.bar(), x.stands(), x.Limit)
	}
	t.Print(w)
	table := markdown.Table{{"webhooks", "events", "without: acknowledged p50, p99 ms", "mirrored p50, p99 ms", "during: acknowledged p50, p99 ms", "mirrored p50, p99 ms"}}
	for _, l := range f.Webhooks {
		a, d := l.Alone, l.During
		table.Add(l.Name, fmt.Sprintf("%d, %d", a.Events, d.Events), pair(a.AckP50, a.AckP99), pair(a.MirroredP50, a.MirroredP99),
			pair(d.AckP50, d.AckP99), pair(d.MirroredP50, d.MirroredP99))
	}
	table.Print(w)
}

func pair(a, b float64) string { return meter.Number(a) + ", " + meter.Number(b) }
