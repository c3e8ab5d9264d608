package sync

import (
	"context"
	"errors"
	"fmt"
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
	// maxPages bounds the pages of one kind, against an API that never ends a list.
	maxPages = 100_000
)

// walk reads all pages of one kind. It calls compare when the window is full, and after the last page.
func (r *run) walk(ctx context.Context, kind record.Kind, compare func(ctx context.Context, kind record.Kind, last bool) error) error {
	r.seen, r.rules = map[uint64]struct{}{}, r.creation(ctx)
	r.window.reset()
	limit := math.MaxInt
	if r.first {
		limit = firstWindow
	}
	for number := 1; number <= maxPages; number++ {
		page, err := r.page(ctx, kind, number)
		if err != nil {
			return err
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
	err = r.ask(ctx, func(credentials fastpixapi.Credentials) (err error) {
		if kind == record.LiveStream {
			page, err = r.api.StreamPage(ctx, credentials, number)
		} else {
			page, err = r.api.MediaPage(ctx, credentials, number)
		}
		return err
	})
	if err != nil {
		return nil, apiProblem(err)
	}
	return page, nil
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
	claimed := r.report.objects() - *count + max(*count, int64(page.TotalRecords))
	r.report.tooManyObjects = r.report.tooManyObjects || plan.TooManyObjects(r.endpoint.Spec.Sync, claimed)
	comparedObjects.WithLabelValues(string(kind)).Add(float64(len(page.Rows)))
}

// compareWindow compares the rows of the window with the mirrors, and records what differs. In the last window it also records which mirrors were in no
// page.
func (r *run) compareWindow(ctx context.Context, kind record.Kind, last bool) error {
	living := r.living
	err := r.eachMirror(ctx, kind, func() { r.living = living }, func(m *mirror) error {
		if last && m.IsLiving() && m.Belongs(r.workspace, r.name.Name) {
			r.living++
			if _, ok := r.seen[r.window.hash(m.name)]; !ok && m.CanBeAsked() && m.heard.Before(r.started) {
				r.unseen[object{kind, m.ID}] = struct{}{}
			}
		}
		if rec := r.match(m); rec != nil && m.differs(rec) {
			r.found[objectOf(rec)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	creations := r.newBulk(changeCreated)
	err = r.eachUnmatched(func(rec *record.Record) error {
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
	repairs, creations := r.newBulk(changeRepaired), r.newBulk(changeCreated)
	err := r.eachMirror(ctx, kind, func() {}, func(m *mirror) error {
		rec := r.match(m)
		if rec == nil || !r.takeFound(rec) || !m.differs(rec) {
			return nil
		}
		return repairs.add(ctx, rec)
	})
	if err == nil {
		err = r.eachUnmatched(func(rec *record.Record) error {
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
			return nil
		}
		if err != nil && !apierrors.IsResourceExpired(err) && ctx.Err() == nil {
			r.log.Error(err, "Cannot list the mirrors, will retry")
		}
		return err
	})
	return errors.Join(failed, err)
}

// eachUnmatched calls do for the record of each row that has no mirror and may get one.
func (r *run) eachUnmatched(do func(*record.Record) error) error {
	for i := range r.window.rows {
		if r.window.rows[i].matched {
			continue
		}
		if rec := r.unpack(&r.window.rows[i]); rec != nil && r.mayCreate(rec) {
			if err := do(rec); err != nil {
				return err
			}
		}
	}
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
		r.log.Error(err, "Cannot read a packed row") // cannot happen: the run has packed it
		return nil
	}
	rec, err := record.Decode(text)
	if err != nil {
		r.log.Error(err, "An observation is not a valid record")
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
