package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
)

// uploadLifetime is how long an upload URL of the platform is valid.
const uploadLifetime = 14400 * time.Second

// timer is why and when the operator reconciles an object without an event: status.timer and status.timerTime.
type timer struct {
	name string
	at   *metav1.MicroTime
}

// newTimer returns a timer that ends after d.
func newTimer(now time.Time, name string, d time.Duration) timer {
	return timer{name: name, at: merge.MicroTime(now.Add(d))}
}

// isRunning reports whether the timer has that name.
func (t timer) isRunning(name string) bool { return t.name == name && t.at != nil }

// isDue reports whether the timer has that name and has ended.
func (t timer) isDue(name string, now time.Time) bool {
	return t.isRunning(name) && !now.Before(t.at.Time)
}

// keepOrStart returns the timer if it has that name, else a new one that ends after d. A timer counts from the write that set it.
func (t timer) keepOrStart(now time.Time, name string, d time.Duration) timer {
	if t.isRunning(name) {
		return t
	}
	return newTimer(now, name, d)
}

// retentionTimer returns the timer of an object that is removed when its retention has passed. It counts from the first of several reasons for
// the removal. A deletion on the platform starts it again, so that a tombstone stays for the whole retention. before and reason are the old and
// the new reason of the Ready condition.
func (t timer) retentionTimer(now time.Time, retention time.Duration, before, reason string) timer {
	if reason == fastpixv1.ReasonDeleted && before != reason {
		return newTimer(now, fastpixv1.TimerRetention, retention)
	}
	return t.keepOrStart(now, fastpixv1.TimerRetention, retention)
}
