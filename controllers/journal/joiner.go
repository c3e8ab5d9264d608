package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	joinInterval = time.Second
	// JoinPause is how often few batches of an endpoint are joined; JoinMany are joined at once.
	JoinPause = time.Minute
	JoinMany  = 16
	// maxJoined bounds the annotation that names the joined batches.
	maxJoined = 64
	// A batch that holds so many records, or bytes, is not joined any more.
	joinedRecords = fastpixv1.MaxBatchEvents * 3 / 4
	joinedBytes   = maxJoinedBytes * 3 / 4
	// maxJoinedBytes bounds a batch as receivers bound theirs.
	maxJoinedBytes = 512 << 10
)

// Joiner keeps batches of failed records few: it joins the small ones of each endpoint. However slowly its records fail, an endpoint has at
// most about JoinMany small ones, and others that are at least half full.
type Joiner struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
	Backlog   *Backlog
	Report    *FailureReport
	RequeueAt func(types.UID, time.Time)
	Now       func() time.Time
	Joined    map[FailedGroup]time.Time // when a group was joined last
}

// Start joins until the context ends.
func (j *Joiner) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		clock.Sleep(ctx, joinInterval)
		if err := j.Round(ctx); err != nil && ctx.Err() == nil {
			j.Report.report("join", 1, func(count int) {
				ctrl.LoggerFrom(ctx).Error(err, "Joining batches of failed records failed, will retry", "attempts", count)
			})
		}
		j.Report.Flush()
	}
	return nil
}

// Round ends joins that were interrupted, and joins what there is to join.
func (j *Joiner) Round(ctx context.Context) error {
	errs := []error{j.DeleteReplaced(ctx, j.Backlog.Replaced())}
	for {
		joins := j.Backlog.claimJoins(j.Now(), j.Joined)
		for _, parts := range joins {
			errs = append(errs, j.join(ctx, parts))
		}
		if err := errors.Join(errs...); err != nil || len(joins) == 0 || ctx.Err() != nil {
			return err
		}
	}
}

// joinPart is a batch that is to be joined with others.
type joinPart struct {
	info  BatchInfo
	retry retryState
}

func (i BatchInfo) group() FailedGroup {
	group := FailedGroup{failedChanges: i.failedChanges}
	if len(i.counts) == 1 {
		group.endpoint = *i.counts[0].endpoint
	}
	return group
}

// claimJoins returns batches that are to be joined with each other. Until release is called for them nobody reads them.
func (b *Backlog) claimJoins(now time.Time, joined map[FailedGroup]time.Time) [][]joinPart {
	b.mu.Lock()
	defer b.mu.Unlock()
	groups := map[FailedGroup][]joinPart{}
	for uid, r := range b.failed.retryStates {
		info := b.known[uid]
		full := r.records >= joinedRecords || r.bytes >= joinedBytes
		if r.scheduled && !full && info.failedChanges != "" && len(info.counts) <= 1 && r.open == nil && !b.failed.claimed[uid] && !b.failed.blocked(uid) {
			groups[info.group()] = append(groups[info.group()], joinPart{info, *r})
		}
	}
	var joins [][]joinPart
	for group, parts := range groups {
		if len(parts) < 2 || len(parts) < JoinMany && now.Sub(joined[group]) < JoinPause {
			continue
		}
		joined[group] = now
		if parts = fitting(parts); len(parts) < 2 {
			continue
		}
		for _, part := range parts {
			b.failed.claimed[part.info.UID] = true
		}
		joins = append(joins, parts)
	}
	for group, at := range joined {
		if now.Sub(at) > JoinPause {
			delete(joined, group)
		}
	}
	return joins
}

// size is how much of a batch its records fill.
func (p joinPart) size() float64 {
	return max(float64(p.retry.records)/fastpixv1.MaxBatchEvents, float64(p.retry.bytes)/maxJoinedBytes)
}

// fitting returns the smallest of some batches that fit into one. If not even two fit, all but one are more than half full.
func fitting(parts []joinPart) []joinPart {
	slices.SortFunc(parts, func(x, y joinPart) int {
		return cmp.Or(cmp.Compare(x.size(), y.size()), x.info.created.Compare(y.info.created), strings.Compare(x.info.Name, y.info.Name))
	})
	records, bytes := 0, int64(0)
	var fit []joinPart
	for _, part := range parts {
		if len(fit) == maxJoined || records+part.retry.records > fastpixv1.MaxBatchEvents || bytes+part.retry.bytes > maxJoinedBytes {
			continue
		}
		records, bytes = records+part.retry.records, bytes+part.retry.bytes
		fit = append(fit, part)
	}
	return fit
}

// release ends a claim.
func (b *Backlog) release(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failed.claimed, uid)
}

// join writes a batch that holds what some others hold, and deletes those. Order matters: what failed is in the journal a second time before
// its first copy goes, and the new batch names those that it replaces: nobody reads it before they are gone, in no process.
func (j *Joiner) join(ctx context.Context, parts []joinPart) error {
	defer func() {
		for _, part := range parts {
			j.Backlog.release(part.info.UID)
		}
	}()
	object, r, err := j.merge(ctx, parts)
	if err != nil || object == nil {
		return err
	}
	failed := object.Status
	if err := createFailedBatch(ctx, j.Client, j.Live, j.Backlog, object, r); err != nil {
		return fmt.Errorf("write joined batch: %w", err)
	}
	j.RequeueAt(object.UID, r.due)
	object.Status = failed
	errStatus := apiserver.IgnoreStale(j.Client.Status().Update(ctx, object)) // its next retry writes it, if not this
	var infos []BatchInfo
	for _, part := range parts {
		infos = append(infos, part.info)
	}
	return errors.Join(errStatus, j.DeleteReplaced(ctx, infos))
}

// merge returns what holds everything that some batches hold; nil if fewer than two of them are there.
func (j *Joiner) merge(ctx context.Context, parts []joinPart) (*fastpixv1.EventBatch, *retryState, error) {
	var (
		records []string
		status  fastpixv1.EventBatchStatus
		uids    []string
		all     = &retryState{tries: parts[0].retry.tries, due: parts[0].retry.due}
		places  = map[string]int32{}
	)
	for _, part := range parts {
		var object fastpixv1.EventBatch
		err := j.Live.Get(ctx, types.NamespacedName{Namespace: j.Namespace, Name: part.info.Name}, &object)
		if apiserver.IsNotFound(err) || err == nil && object.UID != part.info.UID {
			j.Backlog.Remove(part.info.UID)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read batch to join: %w", err)
		}
		uids = append(uids, string(object.UID))
		moved := map[int32]int32{}
		for i, text := range object.Spec.Events {
			if _, twice := places[text]; twice {
				continue // it was moved twice, by a process that was killed in between
			}
			places[text] = int32(len(records)) //nolint:gosec // a batch holds at most 256 records
			moved[int32(i)] = places[text]
			records = append(records, text)
			all.records, all.bytes = all.records+1, all.bytes+int64(len(text))
		}
		for _, f := range object.Status.Failed {
			if to, ok := moved[f.Index]; ok {
				f.Index = to
				status.Failed = append(status.Failed, f)
			}
		}
		if at := object.Status.LastAttemptTime; at != nil && (status.LastAttemptTime == nil || status.LastAttemptTime.Before(at)) {
			status.LastAttemptTime = at
		}
		all.objects, all.newerVersionIn = append(all.objects, part.retry.objects...), append(all.newerVersionIn, part.retry.newerVersionIn...)
		all.tries = min(all.tries, part.retry.tries)
		if part.retry.due.Before(all.due) {
			all.due = part.retry.due
		}
	}
	if len(uids) < 2 {
		return nil, nil, nil
	}
	all.pack()
	object := newFailedBatch(j.Namespace, parts[0].info.group(), records)
	object.Name = failedName("joined", uids...)
	object.Annotations[fastpixv1.JoinedFromAnnotation] = strings.Join(uids, ",")
	object.Status = status
	return object, all, nil
}

// DeleteReplaced deletes batches that a joined one replaces.
func (j *Joiner) DeleteReplaced(ctx context.Context, infos []BatchInfo) error {
	var errs []error
	for _, info := range infos {
		err := deleteBatch(ctx, j.Client, j.Namespace, info.Name, info.UID)
		if err == nil {
			j.Backlog.Remove(info.UID)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
