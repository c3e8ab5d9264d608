package sync

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	// roomPart is the part of its bound that the backlog of an endpoint may have while it is compared, one in roomPart.
	roomPart = 2
	// maxWaiting bounds the records of an endpoint that wait while it is compared. It is more than the controllers fold between two of their counts, and
	// little beside the records that they hold in memory, so that they read the record of a webhook at once.
	maxWaiting = 1024
	// countTimeout is how long a count of the controllers is awaited. They write none if they folded everything between two counts.
	countTimeout = 5 * time.Second
)

// backlog counts the records that were appended after the controllers' last count.
type backlog struct {
	uncounted int64
	recent    int64     // those of the last countTimeout
	appended  time.Time // the last time
	countTime *metav1.MicroTime
}

// add counts records that were appended just now.
func (b *backlog) add(records int64, now time.Time) {
	b.uncounted += records
	b.recent += records
	b.appended = now
}

// hasRoom reports whether few records wait to be folded, and with the failed ones fewer than half the bound of the endpoint.
func (b *backlog) hasRoom(e *fastpixv1.WebhookEndpoint, bound int64, now time.Time) bool {
	if at := e.Status.PendingTime; at != nil && !at.Equal(b.countTime) {
		b.countTime = at
		if at.After(b.appended) {
			b.uncounted, b.recent = 0, 0
		}
	}
	waiting := e.Status.PendingEvents + e.Status.FailedEvents
	if now.Sub(b.appended) > countTimeout {
		b.recent = 0
		if waiting == 0 && b.uncounted < maxWaiting {
			b.uncounted = 0 // nothing waits, and few were appended long ago
		}
	}
	return e.Status.PendingEvents+b.recent < maxWaiting && waiting+b.uncounted < max(1, bound/roomPart)
}
