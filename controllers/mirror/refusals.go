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
	// ForbiddenTimeout is how long an object must be refused as Forbidden before its records fail. An API server that has just started
	// forbids everything until it has read its roles.
	ForbiddenTimeout = 10 * time.Second
	// ErrorTimeout is the same for errors that may pass, such as that of an admission webhook that does not work. Records that wait in memory
	// for ever would block those of other tenants.
	ErrorTimeout = 30 * time.Second
	// OutageTimeout is the same for errors that usually concern the API server or a concurrent change, but that an admission webhook or policy
	// may return, too.
	OutageTimeout = 5 * time.Minute
)

// tenant is the objects of one kind in one namespace. A quota or a policy refuses them all together.
type tenant struct {
	kind      record.Kind
	namespace string
}

func tenantOf(key record.Key) tenant { return tenant{key.Kind, key.Namespace} }

// refusalPeriod is a period in which every write for a tenant was refused.
type refusalPeriod struct{ since, last time.Time }

// maxRefusalPause ends a refusal period in which no write is tried. Every waiting object is retried within this time.
const maxRefusalPause = 2 * queue.MaxBackoff

// rejectsContent reports whether the API server refuses the content of an object. Every other error would be the same for other content.
func rejectsContent(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsForbidden(err)
}

// writeError is an error of a write of a mirror or of its status. An error of a read says nothing about the mirror.
type writeError struct {
	error
	ofStatus bool
}

func (e writeError) Unwrap() error { return e.error }

// isStatusWrite reports whether an error is that of a write of a status. Then the mirror exists.
func isStatusWrite(err error) bool {
	var write writeError
	return errors.As(err, &write) && write.ofStatus
}

// Refusals decides which errors of the API server are permanent for an object. It holds since when each object has been refused.
type Refusals struct {
	Now        func() time.Time
	objects    sync.Map // record.Key to the time.Time since when the object has been refused
	allRefused sync.Map // tenant to the refusalPeriod of all its objects
}

// classify reports whether an error is about these records, so that a retry of the write cannot help, and why the records fail.
func (r *Refusals) classify(key record.Key, entries []journal.Entry, err error) (reason, message string, permanent bool) {
	switch {
	case errors.Is(err, errNameTaken):
		return journal.ReasonNameTaken, fmt.Sprintf("an object named %s has another id; delete it so that the event's object can be mirrored", key.Name), true
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "", "", false // when the namespace is deleted, its records are discarded
	case !errors.As(err, new(writeError)):
		r.reset(key) // an earlier refusal has ended
		return "", "", false
	}
	failedBefore := !slices.ContainsFunc(entries, func(e journal.Entry) bool { return !e.Batch.Retry })
	return journal.ReasonRefused, err.Error(), r.isPermanent(key, err, failedBefore)
}

// isPermanent reports whether the API server refuses an object permanently: at once if it refuses the content, after a timeout if the error
// may pass.
//
// If all objects of a tenant have been refused for the timeout, a further object does not wait for a timeout of its own: the records of a
// tenant that has used up its quota would fill the memory that all tenants share. Records that failed before do not wait either, because they
// are retried later. An error that does not come from the API server is never permanent.
func (r *Refusals) isPermanent(key record.Key, err error, failedBefore bool) bool {
	var timeout time.Duration
	switch status := apierrors.APIStatus(nil); {
	case !errors.As(err, &status), apiserver.IsFromProxy(err):
		r.reset(key) // an earlier refusal has ended
		return false
	case apierrors.IsInvalid(err), apierrors.IsRequestEntityTooLargeError(err):
		return true
	case apierrors.IsForbidden(err):
		timeout = ForbiddenTimeout
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsUnauthorized(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err):
		timeout = OutageTimeout
	default:
		timeout = ErrorTimeout
	}
	now := r.Now()
	since, _ := r.objects.LoadOrStore(key, now)
	if failedBefore && timeout < OutageTimeout {
		return true
	}
	return now.Sub(since.(time.Time)) >= timeout || now.Sub(r.allRefusedSince(key, now)) >= timeout
}

// allRefusedSince records a refusal, and returns since when every write for the tenant has been refused.
func (r *Refusals) allRefusedSince(key record.Key, now time.Time) time.Time {
	p := refusalPeriod{since: now, last: now}
	if before, ok := r.allRefused.Load(tenantOf(key)); ok && now.Sub(before.(refusalPeriod).last) <= maxRefusalPause {
		p.since = before.(refusalPeriod).since
	}
	r.allRefused.Store(tenantOf(key), p)
	return p.since
}

// reset restarts the timeouts of an object and of its tenant.
func (r *Refusals) reset(key record.Key) {
	r.objects.Delete(key)
	r.Accepted(key)
}

// resetObject restarts the timeout of an object.
func (r *Refusals) resetObject(key record.Key) { r.objects.Delete(key) }

// Accepted ends the refusal period of an object's tenant, because the API server accepted a write.
func (r *Refusals) Accepted(key record.Key) { r.allRefused.Delete(tenantOf(key)) }
