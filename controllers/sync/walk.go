package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// firstWindow is how many rows a run that makes a backfill compares first. Each window is twice as large as the one before, so that the first mirrors
	// appear soon and the mirrors are listed few times.
	firstWindow = 10 * fastpixapi.PageSize
	// maxEmpty is how often a page without rows is asked for again that is not the last one by the API's claim.
	maxEmpty = 2
	// maxPages bounds the pages of one kind, against an API that never ends a list.
	maxPages = 100_000
)

// walk reads all pages of one kind. It calls compare when the window is full, and after the last page.
func (r *run) walk(ctx context.Context, kind record.Kind, compare func(ctx context.Context, kind record.Kind, last bool) error) error {
	r.seen = map[uint64]struct{}{}
	r.window.free()
	defer r.window.free()
	r.park = func(ctx context.Context) error { return r.compareEarly(ctx, kind, compare) }
	defer func() { r.park = nil }()
	limit := math.MaxInt
	if r.first {
		limit = firstWindow
	}
	for number, pages := 1, 0; number <= maxPages; number++ {
		page, err := r.page(ctx, kind, number)
		if number > pages && pages > 0 && isRefused(err) {
			page, err = &fastpixapi.Page{Number: number, Pages: pages}, nil // the API refuses a page beyond its last one
		}
		if err != nil {
			return apiProblem(err)
		}
		pages = page.Pages
		if r.begunAtAPI.IsZero() {
			r.begunAtAPI = page.Date
		}
		fresh, err := r.addPage(kind, page)
		if err != nil {
			return err
		}
		last := isLast(page, fresh)
		r.reportProgress(ctx, kind, page)
		if last || r.window.isFull() || len(r.window.rows) >= limit {
			if err := compare(ctx, kind, last); err != nil {
				return err
			}
			r.window.reset()
			limit = max(limit, 2*limit)
		}
		if last {
			return nil
		}
	}
	return &problem{reason: fastpixv1.ReasonAPIUnavailable, message: "FastPix's API gives lists without an end. Nothing more is read from it in this run."}
}

// page reads one page.
func (r *run) page(ctx context.Context, kind record.Kind, number int) (page *fastpixapi.Page, err error) {
	empty := 0
	err = r.ask(ctx, func(credentials fastpixapi.Credentials) (err error) {
		if kind == record.LiveStream {
			page, err = r.api.StreamPage(ctx, credentials, number)
		} else {
			page, err = r.api.MediaPage(ctx, credentials, number)
		}
		if err == nil && len(page.Rows)+page.Unreadable == 0 && number < page.Pages && empty < maxEmpty {
			empty++ // the list is not usable now, or what the API claims about its length is wrong
			return fastpixapi.ErrEmptyPage
		}
		return err
	})
	return page, err
}

// isRefused reports that the API does not accept a question, or does not have what was asked for.
func isRefused(err error) bool {
	failure, ok := errors.AsType[*fastpixapi.Error](err)
	return ok && (failure.Reason == fastpixapi.Rejected || failure.Reason == fastpixapi.NotFound)
}

// compareEarly compares what the window holds, and frees its memory.
func (r *run) compareEarly(ctx context.Context, kind record.Kind, compare func(context.Context, record.Kind, bool) error) error {
	if len(r.window.rows) == 0 || r.comparing {
		return nil
	}
	if err := compare(ctx, kind, false); err != nil {
		return err
	}
	r.window.free()
	return nil
}

// isLast reports whether a page is the last one. What the API claims about the number of pages may be wrong, so a full page with new rows is not the last.
func isLast(page *fastpixapi.Page, fresh int) bool {
	rows := len(page.Rows) + page.Unreadable
	return rows == 0 || page.Number >= page.Pages && (rows < fastpixapi.PageSize || fresh == 0)
}

// addPage adds the rows of a page to the window, and returns how many of them were in no page before.
func (r *run) addPage(kind record.Kind, page *fastpixapi.Page) (fresh int, _ error) {
	r.report.unreadable += page.Unreadable
	reply := r.reply(page.Date)
	for _, text := range page.Rows {
		o, err := event.Observe(kind, text)
		if err != nil {
			r.report.unreadable++ // a row that is no object harms nothing
			continue
		}
		if err := r.checkWorkspace(o.WorkspaceID()); err != nil {
			return fresh, err
		}
		isFresh, err := r.addRow(r.recordOf(o, reply))
		if err != nil {
			return fresh, err
		}
		if isFresh {
			fresh++
		}
	}
	r.countRows(kind, page)
	return fresh, nil
}

// addRow adds the record of a row to the window, and reports whether its object was in no page before.
func (r *run) addRow(rec *record.Record) (fresh bool, _ error) {
	name := record.ObjectName(rec.Changes[0].ID)
	hash := r.window.hash(name)
	if _, known := r.seen[hash]; !known {
		r.seen[hash], fresh = struct{}{}, true
	}
	text, err := event.Fit(rec)
	if err != nil {
		return fresh, fmt.Errorf("encode an observation: %w", err)
	}
	return fresh, r.window.add(name, text)
}

// countRows counts the objects of the workspace.
func (r *run) countRows(kind record.Kind, page *fastpixapi.Page) {
	count := r.report.countOf(kind)
	*count = int64(len(r.seen))
	if kind == record.MediaAsset {
		r.claimedMedia = int64(page.TotalRecords)
	}
	claimed := r.report.objects() - *count + max(*count, int64(page.TotalRecords))
	r.report.tooManyObjects = r.report.tooManyObjects || plan.TooManyObjects(r.endpoint.Spec.Sync, claimed)
	comparedObjects.WithLabelValues(string(kind)).Add(float64(len(page.Rows)))
}

// compareWindow compares the rows of the window with the mirrors, and records what differs. In the last window it also records which mirrors were in no
// page.
func (r *run) compareWindow(ctx context.Context, kind record.Kind, last bool) error {
	r.comparing = true
	defer func() { r.comparing = false }()
	policies, err := r.policies(ctx)
	if err != nil {
		return err
	}
	living := r.living
	restart := func() {
		r.living = living
		maps.DeleteFunc(r.unseen, func(o object, _ struct{}) bool { return o.kind == kind })
	}
	err = r.eachMirror(ctx, kind, restart, func(m *mirror) error {
		if last && m.IsLiving() && m.Belongs(r.workspace, r.name.Name) {
			r.living++
			if _, ok := r.seen[r.window.hash(m.name)]; !ok && m.CanBeAsked() && m.newest.Before(r.begunAtAPI) {
				r.unseen[object{kind, record.NormalizeID(m.ID)}] = struct{}{}
			}
		}
		if rec := r.match(m); rec != nil {
			if policies.apply(rec, m); m.differs(rec) {
				r.found[objectOf(rec)] = struct{}{}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	creations := r.newBulk(changeCreated)
	err = r.eachUnmatched(ctx, func(rec *record.Record) error {
		if !r.first || !r.isOlderThanGrace(rec) {
			r.found[objectOf(rec)] = struct{}{}
			return nil
		}
		return creations.add(ctx, rec)
	})
	return errors.Join(err, creations.flush(ctx))
}

// confirmWindow compares the rows of the window that differed before the grace again, and appends those that still do.
func (r *run) confirmWindow(ctx context.Context, kind record.Kind, _ bool) error {
	r.comparing = true
	defer func() { r.comparing = false }()
	policies, err := r.policies(ctx)
	if err != nil {
		return err
	}
	repairs, creations := r.newBulk(changeRepaired), r.newBulk(changeCreated)
	err = r.eachMirror(ctx, kind, func() {}, func(m *mirror) error {
		rec := r.match(m)
		if rec == nil || !r.takeFound(rec) {
			return nil
		}
		if policies.apply(rec, m); !m.differs(rec) {
			return nil
		}
		return repairs.add(ctx, rec)
	})
	if err == nil {
		err = r.eachUnmatched(ctx, func(rec *record.Record) error {
			if !r.takeFound(rec) {
				return nil
			}
			return creations.add(ctx, rec)
		})
	}
	return errors.Join(err, repairs.flush(ctx), creations.flush(ctx))
}

// takeFound reports whether an object was found to differ, and forgets it.
func (r *run) takeFound(rec *record.Record) bool {
	_, ok := r.found[objectOf(rec)]
	delete(r.found, objectOf(rec))
	return ok
}

// eachMirror calls do for every mirror of one kind in the namespace. If the API server cannot go on with the list, it calls restart and begins again. It
// ends with the first error of do.
func (r *run) eachMirror(ctx context.Context, kind record.Kind, restart func(), do func(*mirror) error) error {
	var failed error
	err := r.persist(ctx, func() error {
		restart()
		err := forEachMirror(ctx, r.live, kind, func(m *mirror) error {
			failed = do(m)
			return failed
		}, client.InNamespace(r.name.Namespace))
		if failed != nil {
			err = nil // the caller gets it, without another attempt
		}
		if err != nil && !apierrors.IsResourceExpired(err) && ctx.Err() == nil {
			r.log.Error(err, "Cannot list the mirrors, will retry", "kind", kind)
		}
		return err
	})
	return errors.Join(failed, err)
}

// eachUnmatched calls do for the record of each object that has no mirror and may get one. Of an object that came twice it takes the newest row.
func (r *run) eachUnmatched(ctx context.Context, do func(*record.Record) error) error {
	r.window.sort()
	for i := range r.window.rows {
		if r.window.rows[i].matched || i+1 < len(r.window.rows) && r.window.rows[i+1].hash == r.window.rows[i].hash {
			continue
		}
		rec := r.unpack(&r.window.rows[i])
		if rec == nil || !r.mayCreate(rec) {
			continue
		}
		if err := r.countAll(ctx); err != nil {
			return err
		}
		if r.report.tooManyObjects {
			return nil
		}
		if err := do(rec); err != nil {
			return err
		}
	}
	return nil
}

// countAll counts the live streams before the first mirror of a media is created: too many objects are those of both kinds.
func (r *run) countAll(ctx context.Context) error {
	if r.counted {
		return nil
	}
	r.counted = true
	page, err := r.page(ctx, record.LiveStream, 1)
	if err != nil {
		return apiProblem(err)
	}
	all := max(r.report.media, r.claimedMedia) + max(int64(len(page.Rows)), int64(page.TotalRecords))
	r.report.tooManyObjects = r.report.tooManyObjects || plan.TooManyObjects(r.endpoint.Spec.Sync, all)
	return nil
}

// match returns the record of the object of a mirror; nil if the window has none.
func (r *run) match(m *mirror) *record.Record {
	row := r.window.find(m.name)
	if row == nil {
		return nil
	}
	row.matched = true
	rec := r.unpack(row)
	if rec == nil || !m.isNamedAs(rec.Changes[0].ID) {
		return nil
	}
	return rec
}

func (r *run) unpack(row *row) *record.Record {
	text, err := r.window.unpack(row)
	if err != nil {
		r.log.Error(err, "Cannot read a packed row, the object is left out until the next run") // cannot happen: the run has packed it
		return nil
	}
	rec, err := record.Decode(text)
	if err != nil {
		r.log.Error(err, "An observation is not a valid record, the object is left out until the next run")
		return nil
	}
	return rec
}

// bulk appends many records of one change, as many at a time as one batch holds.
type bulk struct {
	run     *run
	change  string
	records []*record.Record
}

func (r *run) newBulk(change string) *bulk { return &bulk{run: r, change: change} }

func (b *bulk) add(ctx context.Context, rec *record.Record) error {
	if b.change == changeCreated {
		b.run.nameWorkspace(rec)
	}
	b.records = append(b.records, rec)
	if len(b.records) < fastpixv1.MaxBatchEvents {
		return nil
	}
	return b.flush(ctx)
}

func (b *bulk) flush(ctx context.Context) error {
	appended, err := b.run.appendAll(ctx, b.records)
	b.records = nil
	for _, rec := range appended {
		b.run.count(rec, b.change)
	}
	return err
}
