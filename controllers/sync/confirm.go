package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// foldTimeout is how long a run waits for an endpoint whose records are never all folded. A record is usually folded within a second.
const foldTimeout = 15 * time.Second

// sampleSize is how many of very many unseen objects are asked for before a person decides.
const sampleSize = 20

// askForUnseen asks for each mirror whose object was in no page, for the first time. A list that changes while it is read may leave an object out. If so many
// are unseen that it is an accident until a person confirms it, it asks for a sample, and if the API has none of them, for no more.
func (r *run) askForUnseen(ctx context.Context) error {
	unseen := sorted(r.unseen)
	if r.isAccident(len(unseen)) && len(unseen) > sampleSize {
		absent, err := r.askForEach(ctx, unseen[:sampleSize])
		if err != nil {
			return err
		}
		if len(absent) == sampleSize {
			r.report.tooManyMissing = len(unseen)
			return nil
		}
		unseen = unseen[sampleSize:]
		r.absent = absent
	}
	absent, err := r.askForEach(ctx, unseen)
	r.absent = append(r.absent, absent...)
	return err
}

// askForEach asks for objects, and returns those that the API does not have. The others are compared after the grace.
func (r *run) askForEach(ctx context.Context, objects []object) (absent []object, _ error) {
	for _, o := range objects {
		rec, err := r.observeObject(ctx, o)
		switch {
		case errors.Is(err, errNoAnswer):
		case err != nil:
			return nil, err
		case record.IsMissing(rec.Type):
			absent = append(absent, o)
		default:
			r.found[o] = struct{}{}
		}
	}
	return absent, nil
}

// confirm compares again what differed before the grace, and appends what still does.
func (r *run) confirm(ctx context.Context) error {
	if err := r.waitUntilFolded(ctx); err != nil {
		return err
	}
	if err := r.confirmFound(ctx); err != nil {
		return err
	}
	return r.confirmAbsent(ctx)
}

// confirmFound compares the found objects again: one by one, or by reading all pages again if that takes fewer requests or the API cannot be asked for one.
func (r *run) confirmFound(ctx context.Context) error {
	for _, kind := range kinds {
		of := sortedOf(r.found, kind)
		pages := (*r.report.countOf(kind) + fastpixapi.PageSize - 1) / fastpixapi.PageSize
		if int64(len(of)) > pages+1 || slices.ContainsFunc(of, object.isOnlyInPages) {
			if err := r.walk(ctx, kind, r.confirmWindow); err != nil {
				return err
			}
			continue
		}
		for _, o := range of {
			if err := r.confirmObject(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirmObject compares one object again.
func (r *run) confirmObject(ctx context.Context, o object) error {
	rec, err := r.observeObject(ctx, o)
	switch {
	case errors.Is(err, errNoAnswer):
		return nil
	case err != nil:
		return err
	case record.IsMissing(rec.Type): // the next run asks twice
		return nil
	}
	_, err = r.repair(ctx, o, rec)
	return err
}

// repairRecord appends a record if the mirror of its object still differs, or does not exist and gets created.
func (s *session) repairRecord(ctx context.Context, o object, rec *record.Record, mayCreate func(*record.Record) bool) (change string, _ error) {
	var m *mirror
	err := s.persist(ctx, func() (err error) {
		m, err = readMirror(ctx, s.live, o.kind, types.NamespacedName{Namespace: s.name.Namespace, Name: record.ObjectName(o.id)})
		return err
	})
	if err != nil {
		return "", err
	}
	if m != nil {
		policies, err := s.policies(ctx)
		if err != nil {
			return "", err
		}
		policies.apply(rec, m)
	}
	switch {
	case m == nil && (record.IsMissing(rec.Type) || !mayCreate(rec)):
		return "", nil
	case m != nil && (!m.isNamedAs(rec.Changes[0].ID) || !m.differs(rec)):
		return "", nil
	}
	switch {
	case m == nil:
		change = changeCreated
		s.nameWorkspace(rec)
	case record.IsMissing(rec.Type):
		change = changeDeleted
	default:
		change = changeRepaired
	}
	appended, err := s.appendAll(ctx, []*record.Record{rec})
	if err != nil || len(appended) == 0 {
		return "", err
	}
	return change, nil
}

// repair is repairRecord for a run, which counts the change.
func (r *run) repair(ctx context.Context, o object, rec *record.Record) (change string, _ error) {
	change, err := r.repairRecord(ctx, o, rec, r.mayCreate)
	if change != "" {
		r.count(rec, change)
	}
	return change, err
}

// confirmAbsent asks again for the objects that the API did not have before the grace. If they are too many, none is called missing until a person
// confirms their number.
func (r *run) confirmAbsent(ctx context.Context) error {
	if r.brakes(len(r.absent)) {
		return nil
	}
	var missing []*record.Record
	for _, o := range r.absent {
		rec, err := r.observeObject(ctx, o)
		switch {
		case errors.Is(err, errNoAnswer):
		case err != nil:
			return err
		case record.IsMissing(rec.Type):
			missing = append(missing, rec)
		default:
			if _, err := r.repair(ctx, o, rec); err != nil {
				return err
			}
		}
	}
	if r.brakes(len(missing)) {
		return nil
	}
	for _, rec := range missing {
		if _, err := r.repair(ctx, object{rec.Changes[0].Kind, rec.Changes[0].ID}, rec); err != nil {
			return err
		}
	}
	return nil
}

// brakes reports whether so many objects are missing that it may be an accident, and records it.
func (r *run) brakes(missing int) bool {
	if !r.isAccident(missing) {
		return false
	}
	r.report.tooManyMissing = missing
	return true
}

// isAccident reports whether so many missing objects are an accident until a person confirms their number. If no answer of the run named the workspace, one
// is: the credentials may be those of another workspace.
func (r *run) isAccident(missing int) bool {
	if missing == 0 || r.workspaceSeen && !plan.TooManyMissing(missing, r.living) {
		return false
	}
	if plan.Confirms(r.endpoint.Annotations[fastpixv1.SyncConfirmMissingAnnotation], missing) {
		r.allowed = max(r.allowed, missing)
	}
	return missing > r.allowed
}

// nameWorkspace sets the workspace of a stream that gets a mirror. The API does not say it, and events do.
func (s *session) nameWorkspace(rec *record.Record) {
	if stream := rec.Changes[0].Stream; stream != nil && stream.WorkspaceID == nil && s.workspaceSeen {
		stream.WorkspaceID = new(s.workspace)
	}
}

// waitUntilFolded waits until no record of the endpoint waits to be folded, so that a webhook that was delivered is not called missed. It does not wait for
// ever: an endpoint may always have a record that waits.
func (r *run) waitUntilFolded(ctx context.Context) error {
	for begun := r.now(); ; {
		e, err := r.current(ctx)
		if err != nil {
			return err
		}
		if e.Status.PendingEvents == 0 || r.now().Sub(begun) > foldTimeout {
			return nil
		}
		if err := r.slot.sleep(ctx, turnPause); err != nil {
			return err
		}
	}
}

func sorted(objects map[object]struct{}) []object {
	return slices.SortedFunc(maps.Keys(objects), func(a, b object) int {
		if a.kind != b.kind {
			return strings.Compare(string(b.kind), string(a.kind)) // media first
		}
		return strings.Compare(a.id, b.id)
	})
}

func sortedOf(objects map[object]struct{}, kind record.Kind) []object {
	return slices.DeleteFunc(sorted(objects), func(o object) bool { return o.kind != kind })
}
