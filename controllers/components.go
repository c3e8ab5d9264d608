package controllers

import (
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/lifecycle"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// environment is what the components of the controllers need from the process.
type environment struct {
	client    client.Client // writes
	live      client.Reader // reads from the API server
	cached    client.Reader // reads from informers: WebhookEndpoints and the metadata of namespaces
	recorder  events.EventRecorder
	namespace string // the operator's namespace, which holds the journal
	now       func() time.Time
	trace     logr.Logger // follows single events

	enqueueMirror  func(record.Key)           // enqueues an object for the reconciler of mirrors
	enqueueBatch   func(types.UID)            // enqueues a batch for the discarder
	enqueueBatchAt func(types.UID, time.Time) // enqueues a batch for the discarder at a time
}

// components are the parts of the controllers. They start nothing by themselves: a manager runs them, and tests run them step by step.
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

	enqueueMirror func(record.Key)
}

// newComponents creates the components and connects them.
func newComponents(e environment) *components {
	c := &components{backlog: journal.NewBacklog(), ledger: journal.NewLedger(), timers: lifecycle.NewTimers(), enqueueMirror: e.enqueueMirror}
	endpoints := endpoint.Lookup{Cached: e.cached}
	records := &journal.Records{Ledger: c.ledger, Backlog: c.backlog, Discard: e.enqueueBatch}
	c.report = journal.NewFailureReport(e.recorder, endpoints.Get, e.now)
	c.purger = &lifecycle.Purger{Client: e.client, Live: e.live, Endpoints: endpoints, HasRecordsThrough: records.HasRecordsThrough, Now: e.now}
	c.reconciler = &mirror.Reconciler{
		Store:   &mirror.Store{Client: e.client, Live: e.live, Cache: mirror.NewCache(mirror.CacheEntries), RecordEvents: mirror.NewEventRecorder(e.recorder).Record},
		Records: records, Refusals: &mirror.Refusals{Now: e.now}, Timer: c.timers.Next, Purger: c.purger,
		NamespaceState: mirror.NamespaceReader{Cached: e.cached, Live: e.live}.State, Endpoints: endpoints, Now: e.now, Trace: e.trace,
	}
	c.discarder = &journal.Discarder{
		Client: e.client, Live: e.live, Namespace: e.namespace, Ledger: c.ledger, Backlog: c.backlog, Report: c.report, RequeueAt: e.enqueueBatchAt, Now: e.now,
	}
	c.joiner = &journal.Joiner{
		Client: e.client, Live: e.live, Namespace: e.namespace, Backlog: c.backlog, Report: c.report, RequeueAt: e.enqueueBatchAt, Now: e.now,
	}
	c.publisher = &endpoint.Publisher{
		Client: e.client, Live: e.live, Cached: e.cached, Totals: c.backlog.Totals, Exists: c.backlog.Endpoints.Has, Purged: c.purger.PurgedByNamespace,
		Now: e.now,
	}
	c.reader = &journal.Reader{
		Client: e.live, Namespace: e.namespace, Backlog: c.backlog, Ledger: c.ledger, Enqueue: e.enqueueMirror, Discard: e.enqueueBatch,
		Observe: c.publisher.Observe, Now: e.now, Trace: e.trace,
	}
	c.sweeper = &lifecycle.Sweeper{
		Live: e.live, Client: e.client, Endpoints: endpoints, Purger: c.purger, Enqueue: c.enqueueNow, MayChange: records.MayChange, Now: e.now,
	}
	return c
}

// enqueueNow enqueues an object to be reconciled whatever its timer says.
func (c *components) enqueueNow(key record.Key) {
	c.reconciler.Request(key)
	c.enqueueMirror(key)
}
