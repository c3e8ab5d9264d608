package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

	mirrors   func(record.Key)           // enqueues an object for the reconciler of mirrors
	batches   func(types.UID)            // enqueues a batch that is to end
	batchesAt func(types.UID, time.Time) // the same, later
}

// parts are the collaborators of the controllers. Nothing runs in them by itself: a manager drives them, and tests do so step by step.
type parts struct {
	backlog   *backlog
	ledger    *ledger
	timers    *timers
	report    *failureReport
	reader    *reader
	folder    *folder
	discarder *discarder
	joiner    *joiner
	purger    *purger
	sweeper   *sweeper
	publisher *publisher

	mirrors func(record.Key)
}

// newParts puts the parts together.
func newParts(e environment) *parts {
	p := &parts{backlog: newBacklog(), ledger: newLedger(), timers: newTimers(), mirrors: e.mirrors}
	known := endpoints{cached: e.cached}
	waiting := &records{ledger: p.ledger, backlog: p.backlog, discard: e.batches}
	p.report = newFailureReport(e.recorder, known.get, e.now)
	p.purger = &purger{client: e.client, live: e.live, endpoints: known, waits: waiting.waits, now: e.now}
	p.folder = &folder{
		store:   &store{client: e.client, live: e.live, written: newWritten(writtenEntries), notify: newNotifier(e.recorder).notify},
		records: waiting, refusals: &refusals{now: e.now}, timer: p.timers.next, purger: p.purger,
		namespace: namespaces{cached: e.cached, live: e.live}.verdict, endpoints: known, now: e.now,
	}
	p.discarder = &discarder{
		client: e.client, live: e.live, namespace: e.namespace, ledger: p.ledger, backlog: p.backlog, report: p.report, after: e.batchesAt, now: e.now,
	}
	p.joiner = &joiner{
		client: e.client, live: e.live, namespace: e.namespace, backlog: p.backlog, report: p.report, after: e.batchesAt, now: e.now,
		joined: map[failedGroup]time.Time{},
	}
	p.publisher = &publisher{
		client: e.client, live: e.live, cached: e.cached, totals: p.backlog.totals, exists: p.backlog.endpoints.has, purged: p.purger.purgedByNamespace,
		now: e.now, activity: map[types.UID]*activity{},
	}
	p.reader = &reader{
		client: e.live, namespace: e.namespace, backlog: p.backlog, ledger: p.ledger, enqueue: e.mirrors, discard: e.batches,
		observe: p.publisher.saw, now: e.now,
	}
	p.sweeper = &sweeper{
		live: e.live, client: e.client, endpoints: known, purger: p.purger, nudge: p.enqueueNow, mayBeNamed: waiting.mayName, now: e.now,
	}
	return p
}

// enqueueNow has the reconciler visit an object whatever its timer says.
func (p *parts) enqueueNow(key record.Key) {
	p.folder.nudge(key)
	p.mirrors(key)
}
