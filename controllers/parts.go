package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/lifecycle"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// environment is what the parts of the controllers need from the process around them.
type environment struct {
	client    client.Client // writes
	live      client.Reader // reads from the API server
	cached    client.Reader // reads from informers: WebhookEndpoints and the metadata of namespaces
	recorder  events.EventRecorder
	namespace string // the operator's own, which holds the journal
	now       func() time.Time

	enqueueMirror  func(record.Key)           // enqueues an object for the reconciler of mirrors
	enqueueBatch   func(types.UID)            // enqueues a batch that is to end
	enqueueBatchAt func(types.UID, time.Time) // the same, later
}

// components are the collaborators of the controllers. Nothing runs in them by itself: a manager drives them, and tests do so step by step.
type components struct {
	backlog    *journal.Backlog
	ledger     *journal.Ledger
	timers     *lifecycle.Timers
	report     *journal.FailureReport
	reader     *journal.Reader
	reconciler *mirror.Reconciler
	discarder  *journal.Discarder
	joiner     *journal.Joiner
	purger     *lifecycle.Purger
	sweeper    *lifecycle.Sweeper
	publisher  *endpoint.Publisher

	mirrors func(record.Key)
}

// newComponents puts the parts together.
func newComponents(e environment) *components {
	p := &components{backlog: journal.NewBacklog(), ledger: journal.NewLedger(), timers: lifecycle.NewTimers(), mirrors: e.enqueueMirror}
	known := endpoint.Lookup{Cached: e.cached}
	waiting := &journal.Records{Ledger: p.ledger, Backlog: p.backlog, Discard: e.enqueueBatch}
	p.report = journal.NewFailureReport(e.recorder, known.Get, e.now)
	p.purger = &lifecycle.Purger{Client: e.client, Live: e.live, Endpoints: known, HasRecordsThrough: waiting.HasRecordsThrough, Now: e.now}
	p.reconciler = &mirror.Reconciler{
		Store:   &mirror.Store{Client: e.client, Live: e.live, Cache: mirror.NewCache(mirror.CacheEntries), RecordEvents: mirror.NewEventRecorder(e.recorder).Record},
		Records: waiting, Refusals: &mirror.Refusals{Now: e.now}, Timer: p.timers.Next, Purger: p.purger,
		NamespaceState: mirror.NamespaceReader{Cached: e.cached, Live: e.live}.State, Endpoints: known, Now: e.now,
	}
	p.discarder = &journal.Discarder{
		Client: e.client, Live: e.live, Namespace: e.namespace, Ledger: p.ledger, Backlog: p.backlog, Report: p.report, RequeueAt: e.enqueueBatchAt, Now: e.now,
	}
	p.joiner = &journal.Joiner{
		Client: e.client, Live: e.live, Namespace: e.namespace, Backlog: p.backlog, Report: p.report, RequeueAt: e.enqueueBatchAt, Now: e.now,
	}
	p.publisher = &endpoint.Publisher{
		Client: e.client, Live: e.live, Cached: e.cached, Totals: p.backlog.Totals, Exists: p.backlog.Endpoints.Has, Purged: p.purger.PurgedByNamespace,
		Now: e.now, Activity: map[types.UID]*endpoint.Activity{},
	}
	p.reader = &journal.Reader{
		Client: e.live, Namespace: e.namespace, Backlog: p.backlog, Ledger: p.ledger, Enqueue: e.enqueueMirror, Discard: e.enqueueBatch,
		Observe: p.publisher.Observe, Now: e.now,
	}
	p.sweeper = &lifecycle.Sweeper{
		Live: e.live, Client: e.client, Endpoints: known, Purger: p.purger, Enqueue: p.enqueueNow, MayChange: waiting.MayChange, Now: e.now,
	}
	return p
}

// enqueueNow has the reconciler visit an object whatever its timer says.
func (p *components) enqueueNow(key record.Key) {
	p.reconciler.Request(key)
	p.mirrors(key)
}
