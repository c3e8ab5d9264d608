package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	gosync "sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// roundInterval is the least time between two searches for mirrors to ask for. A search takes at most one part in roundPart of the time: in a cluster
	// with very many mirrors it costs the API server much.
	roundInterval = 10 * time.Second
	roundPart     = 20
	// maxLists is of how many namespaces the mirrors are listed one by one.
	maxLists = 10
	// maxQuestions bounds the questions of one endpoint in one round, and questionTimeout their time.
	maxQuestions    = 20
	questionTimeout = 30 * time.Second
	// foldTime is how long the controllers need at most between the creation of a mirror and its first status.
	foldTime = 5 * time.Second
	// askers is how many endpoints are asked for at once.
	askers = 4
	// maxAsked bounds the mirrors whose last question is remembered, and askedTTL for how long.
	maxAsked = 20_000
	askedTTL = 24 * time.Hour
)

// askable selects the mirrors that may have to be asked for, by kind: those that are in none of these states.
var askable = map[record.Kind][]string{
	record.MediaAsset: {record.StateReady, record.StateFailed, record.StateCancelled, record.StateDeleted},
	record.LiveStream: {record.StateIdle, record.StateConnected, record.StateDisconnected, record.StateDisabled, record.StateDeleted},
}

// Questions asks the API for single objects between two runs: for mirrors that a user applied or that only parts told of, and for media and streams that
// should have changed and were not heard of for long. It runs in the leader.
type Questions struct {
	env   *environment
	asked *cache.LRUExpireCache // of question, by record.Key
}

// question is when an object was asked for last.
type question struct {
	heard, asked time.Time
	count        int
}

// Start searches until the context ends.
func (q *Questions) Start(ctx context.Context) error {
	pause := roundInterval
	for clock.Sleep(ctx, pause) {
		begun := q.env.now()
		if err := q.round(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Cannot ask FastPix for single objects, will retry")
		}
		pause = max(roundInterval, roundPart*q.env.now().Sub(begun))
	}
	return nil
}

// round asks for the objects that are due. It makes no request if no endpoint is compared with FastPix.
func (q *Questions) round(ctx context.Context) error {
	var list fastpixv1.WebhookEndpointList
	if err := q.env.cached.List(ctx, &list); err != nil {
		return err
	}
	byNamespace := map[string][]*fastpixv1.WebhookEndpoint{}
	for i := range list.Items {
		if e := &list.Items[i]; e.Spec.Sync != nil && !e.Spec.Suspend {
			byNamespace[e.Namespace] = append(byNamespace[e.Namespace], e)
		}
	}
	if len(byNamespace) == 0 {
		return nil
	}
	due := map[*fastpixv1.WebhookEndpoint][]*mirror{}
	err := q.forEachAskable(ctx, slices.Collect(maps.Keys(byNamespace)), func(m *mirror) error {
		if e := endpointOf(m, byNamespace[m.namespace]); e != nil && len(due[e]) < maxQuestions && q.isDue(m, e) {
			due[e] = append(due[e], m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	places := make(chan struct{}, askers)
	var wg gosync.WaitGroup
	for e, mirrors := range due {
		wg.Go(func() {
			places <- struct{}{}
			q.askFor(ctx, e, mirrors)
			<-places
		})
	}
	wg.Wait()
	return nil
}

// forEachAskable calls do for the mirrors of some namespaces that may have to be asked for. Of many namespaces it lists all mirrors of the cluster at once.
func (q *Questions) forEachAskable(ctx context.Context, namespaces []string, do func(*mirror) error) error {
	if len(namespaces) > maxLists {
		namespaces = []string{metav1.NamespaceAll}
	}
	for kind, states := range askable {
		selectors := make([]fields.Selector, 0, len(states))
		for _, state := range states {
			selectors = append(selectors, fields.OneTermNotEqualSelector("status.state", state))
		}
		for _, namespace := range namespaces {
			err := forEachMirror(ctx, q.env.live, kind, do, client.InNamespace(namespace), client.MatchingFieldsSelector{Selector: fields.AndSelectors(selectors...)})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// endpointOf returns the endpoint whose credentials may know the object of a mirror: the one that the mirror names, else the first of the namespace that may
// belong to the same workspace.
func endpointOf(m *mirror, endpoints []*fastpixv1.WebhookEndpoint) *fastpixv1.WebhookEndpoint {
	var first *fastpixv1.WebhookEndpoint
	for _, e := range endpoints {
		if e.Name == m.Endpoint {
			return e
		}
		workspace := e.Spec.WorkspaceID
		if workspace == "" && e.Status.Sync != nil {
			workspace = e.Status.Sync.WorkspaceID
		}
		if first == nil && (m.WorkspaceID == "" || workspace == "" || m.Belongs(workspace, e.Name)) {
			first = e
		}
	}
	return first
}

func keyOf(m *mirror) record.Key {
	return record.Key{Kind: m.Kind, Namespace: m.namespace, Name: m.name}
}

// isDue reports whether an object is to be asked for now. Uploads are no objects of the API, and what a mirror waits for may be in the journal.
func (q *Questions) isDue(m *mirror, e *fastpixv1.WebhookEndpoint) bool {
	switch {
	case m.State == record.StateWaiting || m.BecameMediaID != "", m.State != "" && e.Status.PendingEvents > 0:
		return false
	case m.State == "" && q.env.now().Sub(m.heard) < foldTime:
		return false // the controllers have just created it, and write its status next
	}
	if !m.CanBeAsked() || !m.isNamedAs(record.NormalizeID(m.ID)) || record.ObjectName(m.ID) != m.name {
		return false
	}
	last := q.last(m)
	at, asks := plan.Silent{Kind: m.Kind, State: m.State, Heard: m.heard, Asked: last.asked, Questions: last.count}.Due()
	return asks && !at.After(q.env.now())
}

// askFor asks for the objects of one endpoint, once each. It gives up for this round if the API or the Secret is not usable: the next run says why.
func (q *Questions) askFor(ctx context.Context, e *fastpixv1.WebhookEndpoint, mirrors []*mirror) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	s := newSession(q.env, e)
	s.once = true
	if s.readCredentials(ctx) != nil {
		return
	}
	for _, m := range mirrors {
		o := object{m.Kind, record.NormalizeID(m.ID)}
		rec, err := s.observeObject(ctx, o)
		if err != nil && !errors.Is(err, errNoAnswer) {
			return
		}
		q.remember(m)
		if rec == nil || record.IsMissing(rec.Type) || s.checkWorkspace(workspaceOf(rec)) != nil {
			continue
		}
		change, err := s.repairRecord(ctx, o, rec, func(*record.Record) bool { return false })
		if err != nil {
			return
		}
		if change != "" {
			cause := causeRepair
			if m.State == "" || e.Spec.PollsOnly() {
				cause = causeBackfill
			}
			repairs.WithLabelValues(string(m.Kind), change, cause).Inc()
		}
	}
}

// last returns the last question for an object since it was heard of.
func (q *Questions) last(m *mirror) question {
	held, _ := q.asked.Get(keyOf(m))
	last, _ := held.(question)
	if last.heard.Before(m.heard) {
		last = question{heard: m.heard}
	}
	return last
}

// remember records that an object was asked for.
func (q *Questions) remember(m *mirror) {
	last := q.last(m)
	q.asked.Add(keyOf(m), question{heard: last.heard, asked: q.env.now(), count: last.count + 1}, askedTTL)
}

// workspaceOf returns the workspace that an observation names; empty if it names none.
func workspaceOf(rec *record.Record) string {
	if m := rec.Changes[0].Media; m != nil && m.WorkspaceID != nil {
		return *m.WorkspaceID
	}
	return ""
}
