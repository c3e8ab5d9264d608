package mirror

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// ForbiddenTimeout is how long an object must be refused as Forbidden before its records count as failed: an API server that
	// has just started forbids everything until it has read its roles.
	ForbiddenTimeout = 10 * time.Second
	// ErrorTimeout is the same for answers that may pass, such as an admission webhook that does not work: for ever in memory they
	// would keep other tenants' records out.
	ErrorTimeout = 30 * time.Second
	// OutageTimeout is the same for answers that rather speak of the API server, or of a change meanwhile, but that an admission
	// webhook or policy may give as well.
	OutageTimeout = 5 * time.Minute
)

// tenant is what a quota or a policy refuses as a whole: the objects of one kind in one namespace.
type tenant struct {
	kind      record.Kind
	namespace string
}

func tenantOf(key record.Key) tenant { return tenant{key.Kind, key.Namespace} }

// refusalPeriod is a time in which all objects of a tenant were refused, as far as any was tried.
type refusalPeriod struct{ since, last time.Time }

// maxRefusalPause is how long nothing may be tried for a spell to go on: who waits to be tried again is within this time.
const maxRefusalPause = 2 * queue.MaxBackoff

// rejectsContent reports that the API server refuses what an object says. Any other answer would be the same whatever it said.
func rejectsContent(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsForbidden(err)
}

// writeError is an answer to a write of a mirror, or of its status, unlike one to a read, which says nothing about the mirror.
type writeError struct {
	error
	ofStatus bool
}

func (e writeError) Unwrap() error { return e.error }

// isStatusWrite reports that an error is an answer to a write of a status. Then the mirror exists.
func isStatusWrite(err error) bool {
	var write writeError
	return errors.As(err, &write) && write.ofStatus
}

// Refusals decides which answers of the API server refuse an object for good, and remembers since when an object was refused.
type Refusals struct {
	Now        func() time.Time
	objects    sync.Map // since when an object is refused: record.Key to time.Time
	allRefused sync.Map // when all objects of a tenant are: tenant to spell
}

// classify decides whether an error is about these records, so that waiting will not help, and says why they fail.
func (r *Refusals) classify(key record.Key, entries []journal.Entry, err error) (reason, message string, ok bool) {
	switch {
	case errors.Is(err, errNameTaken):
		return journal.ReasonNameTaken, fmt.Sprintf("an object named %s has another id; delete it so that the event's object can be mirrored", key.Name), true
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "", "", false // the namespace's end is on its way and will discard the records
	case !errors.As(err, new(writeError)):
		r.reset(key) // whatever it was before, it does not last
		return "", "", false
	}
	failedBefore := !slices.ContainsFunc(entries, func(e journal.Entry) bool { return !e.Batch.Retry })
	return journal.ReasonRefused, err.Error(), r.isPermanent(key, err, failedBefore)
}

// isPermanent reports whether the API server refuses an object for good: at once by an answer about its content, after a while by one
// that may pass. Where all objects of a namespace have been refused for that while, further ones need not wait for their own: a tenant
// whose quota is used up would fill the memory that all share with them. Records that failed before do not wait either: they have a next
// retry. What is not an answer about the object says nothing, however long it lasts.
func (r *Refusals) isPermanent(key record.Key, err error, failedBefore bool) bool {
	var patience time.Duration
	switch status := apierrors.APIStatus(nil); {
	case !errors.As(err, &status), apiserver.IsFromProxy(err):
		r.reset(key) // whatever it was before, it does not last
		return false
	case apierrors.IsInvalid(err), apierrors.IsRequestEntityTooLargeError(err):
		return true
	case apierrors.IsForbidden(err):
		patience = ForbiddenTimeout
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsUnauthorized(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err):
		patience = OutageTimeout
	default:
		patience = ErrorTimeout
	}
	now := r.Now()
	since, _ := r.objects.LoadOrStore(key, now)
	if failedBefore && patience < OutageTimeout {
		return true
	}
	return now.Sub(since.(time.Time)) >= patience || now.Sub(r.allRefusedSince(key, now)) >= patience
}

// allRefusedSince notes a refusal and returns since when there was nothing else for the tenant.
func (r *Refusals) allRefusedSince(key record.Key, now time.Time) time.Time {
	s := refusalPeriod{since: now, last: now}
	if before, ok := r.allRefused.Load(tenantOf(key)); ok && now.Sub(before.(refusalPeriod).last) <= maxRefusalPause {
		s.since = before.(refusalPeriod).since
	}
	r.allRefused.Store(tenantOf(key), s)
	return s.since
}

// Forget has the patience with an object, and with its tenant, begin anew.
func (r *Refusals) reset(key record.Key) {
	r.objects.Delete(key)
	r.Accepted(key)
}

// resetObject has the patience with an object begin anew.
func (r *Refusals) resetObject(key record.Key) { r.objects.Delete(key) }

// Accepted notes that the API server does not refuse all objects of that kind in that namespace.
func (r *Refusals) Accepted(key record.Key) { r.allRefused.Delete(tenantOf(key)) }
