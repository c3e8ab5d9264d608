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
	// JoinPause is the pause between two joins of an endpoint that has fewer than JoinMany small batches.
	JoinPause = time.Minute
	// JoinMany is how many small batches of an endpoint are joined without a pause.
	JoinMany = 16
	// maxJoined bounds the annotation that names the replaced batches.
	maxJoined = 64
	// joinedRecords and joinedBytes are the size from which a batch is not joined with others.
	joinedRecords = fastpixv1.MaxBatchEvents * 3 / 4
	joinedBytes   = maxJoinedBytes * 3 / 4
	// maxJoinedBytes bounds a batch as receivers bound theirs.
	maxJoinedBytes = 512 << 10
)

// Joiner keeps the number of batches of failed records small: it joins the small batches of each endpoint. So an endpoint has at most about
// JoinMany small batches, and all others are at least half full, however slowly its records fail.
type Joiner struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
	Backlog   *Backlog
	Report    *FailureReport
	RequeueAt func(types.UID, time.Time)
	Now       func() time.Time
	joined    map[failedGroup]time.Time // when a group was last joined
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

// Round completes joins that were interrupted, and joins the batches that can be joined.
func (j *Joiner) Round(ctx context.Context) error {
	if j.joined == nil {
		j.joined = map[failedGroup]time.Time{}
	}
	errs := []error{j.DeleteReplaced(ctx, j.Backlog.Replaced())}
	for {
		joins := j.Backlog.claimJoins(j.Now(), j.joined)
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

func (i BatchInfo) group() failedGroup {
	group := failedGroup{failedChanges: i.failedChanges}
	if len(i.counts) == 1 {
		group.endpoint = *i.counts[0].endpoint
	}
	return group
}

// claimJoins returns groups of batches that are to be joined. A claimed batch is not read until release is called.
func (b *Backlog) claimJoins(now time.Time, joined map[failedGroup]time.Time) [][]joinPart {
	b.mu.Lock()
	defer b.mu.Unlock()
	var joins [][]joinPart
	for group, parts := range b.joinable() {
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

// joinable returns the small batches of failed records that wait for their retry, by group.
func (b *Backlog) joinable() map[failedGroup][]joinPart {
	groups := map[failedGroup][]joinPart{}
	for uid, state := range b.failed.retryStates {
		info := b.known[uid]
		small := state.records < joinedRecords && state.bytes < joinedBytes
		ofOneGroup := info.failedChanges != "" && len(info.counts) <= 1 && state.open == nil
		if small && ofOneGroup && state.scheduled && !b.failed.claimed[uid] && !b.failed.blocked(uid) {
			groups[info.group()] = append(groups[info.group()], joinPart{info, *state})
		}
	}
	return groups
}

// size returns the part of a full batch that the records fill.
func (p joinPart) size() float64 {
	return max(float64(p.retry.records)/fastpixv1.MaxBatchEvents, float64(p.retry.bytes)/maxJoinedBytes)
}

// fitting returns the smallest batches that fit into one batch. If not even two fit, all but one are more than half full.
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

// release ends the claim of a batch.
func (b *Backlog) release(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failed.claimed, uid)
}

// join writes a batch that holds the records of other batches, and deletes those. The order matters: the journal holds the copy of a record before
// the original is deleted. The new batch names the batches that it replaces, so that no process reads it before they are deleted.
func (j *Joiner) join(ctx context.Context, parts []joinPart) error {
	defer func() {
		for _, part := range parts {
			j.Backlog.release(part.info.UID)
		}
	}()
	object, state, err := j.merge(ctx, parts)
	if err != nil || object == nil {
		return err
	}
	status := object.Status
	if err := createFailedBatch(ctx, j.Client, j.Live, j.Backlog, object, state); err != nil {
		return fmt.Errorf("write joined batch: %w", err)
	}
	j.RequeueAt(object.UID, state.due)
	object.Status = status
	errStatus := apiserver.IgnoreStale(j.Client.Status().Update(ctx, object)) // the next retry writes a status that this write does not
	var infos []BatchInfo
	for _, part := range parts {
		infos = append(infos, part.info)
	}
	return errors.Join(errStatus, j.DeleteReplaced(ctx, infos))
}

// merge returns a batch that holds the records of other batches; nil if fewer than two of those batches exist.
func (j *Joiner) merge(ctx context.Context, parts []joinPart) (*fastpixv1.EventBatch, *retryState, error) {
	m := merger{positions: map[string]int32{}, state: &retryState{tries: parts[0].retry.tries, due: parts[0].retry.due}}
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
		m.add(&object, &part.retry)
	}
	if len(m.uids) < 2 {
		return nil, nil, nil
	}
	m.state.pack()
	object := newFailedBatch(j.Namespace, parts[0].info.group(), m.records)
	object.Name = failedName("joined", m.uids...)
	object.Annotations[fastpixv1.JoinedFromAnnotation] = strings.Join(m.uids, ",")
	object.Status = m.status
	return object, m.state, nil
}

// merger collects the content of batches that are joined.
type merger struct {
	uids      []string
	records   []string
	positions map[string]int32 // of each record in records
	status    fastpixv1.EventBatchStatus
	state     *retryState
}

// add adds the records of a batch, their failures, and what the backlog knows of the batch.
func (m *merger) add(object *fastpixv1.EventBatch, state *retryState) {
	m.uids = append(m.uids, string(object.UID))
	moved := map[int32]int32{}
	for i, text := range object.Spec.Events {
		if _, duplicate := m.positions[text]; duplicate {
			continue // a process moved the record twice, because it was killed in between
		}
		m.positions[text] = int32(len(m.records)) //nolint:gosec // a batch holds at most 256 records
		moved[int32(i)] = m.positions[text]
		m.records = append(m.records, text)
		m.state.records, m.state.bytes = m.state.records+1, m.state.bytes+int64(len(text))
	}
	for _, f := range object.Status.Failed {
		if to, ok := moved[f.Index]; ok {
			f.Index = to
			m.status.Failed = append(m.status.Failed, f)
		}
	}
	if at := object.Status.LastAttemptTime; at != nil && (m.status.LastAttemptTime == nil || m.status.LastAttemptTime.Before(at)) {
		m.status.LastAttemptTime = at
	}
	m.state.objects = append(m.state.objects, state.objects...)
	m.state.newerVersionIn = append(m.state.newerVersionIn, state.newerVersionIn...)
	m.state.tries = min(m.state.tries, state.tries)
	if state.due.Before(m.state.due) {
		m.state.due = state.due
	}
}

// DeleteReplaced deletes batches that a joined batch replaces.
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
