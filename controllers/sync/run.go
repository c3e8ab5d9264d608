package sync

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/go-logr/logr"

	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// kinds are the kinds of objects in the order in which a run compares them. Media name the workspace, so they come first.
var kinds = []record.Kind{record.MediaAsset, record.LiveStream}

// maxNames is how many names of repaired mirrors a Kubernetes Event holds.
const maxNames = 3

// run compares the mirrors of one endpoint with the API once.
type run struct {
	*session
	log logr.Logger
	// first says that no run of the endpoint was complete before: what has no mirror is a backfill.
	first   bool
	request string // the value of the annotation that requested the run
	started time.Time
	// begunAtAPI is the date of the first answer, by FastPix's clock: an object that was heard of later may be missing in the pages.
	begunAtAPI time.Time

	window     *window
	seen       map[uint64]struct{} // hashes of the names of the objects in the pages of the kind
	found      map[object]struct{} // objects that differ from their mirrors, or have none
	unseen     map[object]struct{} // living mirrors whose objects were in no page
	absent     []object            // those that the API did not have when it was asked for them
	progressed time.Time           // when the progress was reported
	living     int                 // mirrors whose objects must be in the pages
	report     report

	comparing    bool  // a window is being compared
	counted      bool  // the live streams were counted before the first creation
	claimedMedia int64 // the number of media by the API's claim
	allowed      int   // as many objects may be missing, as a person has confirmed
}

// report is what a run found.
type report struct {
	media, streams             int64
	created, repaired, deleted int64
	names                      []string // of the first mirrors that were created, repaired or deleted
	tooManyMissing             int      // so many were missing that none was deleted
	tooManyObjects             bool
	unreadable                 int // rows that are not objects of the API
}

// countOf returns the count of the objects of one kind.
func (r *report) countOf(kind record.Kind) *int64 {
	if kind == record.LiveStream {
		return &r.streams
	}
	return &r.media
}

func (r *report) objects() int64 { return r.media + r.streams }

func (r *report) addName(name string) {
	if len(r.names) < maxNames {
		r.names = append(r.names, name)
	}
}

// newRun returns a run that starts now.
func newRun(s *session, log logr.Logger, request string, first bool) *run {
	return &run{
		session: s, log: log, first: first, request: request, started: s.now(), window: newWindow(maphash.MakeSeed()),
		found: map[object]struct{}{}, unseen: map[object]struct{}{},
	}
}

// do compares everything. What differs is compared again after the grace, and then appended to the journal.
func (r *run) do(ctx context.Context) error {
	if err := r.readCredentials(ctx); err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := r.walk(ctx, kind, r.compareWindow); err != nil {
			return err
		}
	}
	if err := r.askForUnseen(ctx); err != nil {
		return err
	}
	if len(r.found) == 0 && len(r.absent) == 0 {
		return nil
	}
	if err := r.slot.sleep(ctx, r.grace); err != nil {
		return err
	}
	return r.confirm(ctx)
}

// mayCreate reports whether an object without a mirror gets one. If the run before knew the workspace and no answer of this one names it, the credentials may be
// those of another workspace.
func (r *run) mayCreate(rec *record.Record) bool {
	if before := r.endpoint.Status.Sync; before != nil && before.WorkspaceID != "" && !r.workspaceSeen {
		return false
	}
	return !r.report.tooManyObjects && plan.Creates(&r.endpoint.Spec, planObject(rec), r.now())
}

// planObject returns what decides whether an object without a mirror gets one.
func planObject(rec *record.Record) plan.Object {
	o := plan.Object{}
	if m := rec.Changes[0].Media; m != nil {
		o.State = m.State
		if m.CreatedTime != nil {
			o.Created = m.CreatedTime.Time
		}
	} else if s := rec.Changes[0].Stream; s != nil && s.CreatedTime != nil {
		o.Created = s.CreatedTime.Time
	}
	return o
}

// isOlderThanGrace reports whether an object was created so long ago that its webhook cannot be on its way.
func (r *run) isOlderThanGrace(rec *record.Record) bool {
	created := planObject(rec).Created
	return !created.IsZero() && created.Before(r.begunAtAPI.Add(-r.grace))
}
