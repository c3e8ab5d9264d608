package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
)

// uploadLifetime is how long the platform's upload URLs can be used.
const uploadLifetime = 14400 * time.Second

// timer is why and when the operator comes back to an object: status.timer and status.timerTime.
type timer struct {
	name string
	at   *metav1.MicroTime
}

// startedAt returns a timer that ends after d.
func startedAt(now time.Time, name string, d time.Duration) timer {
	return timer{name: name, at: merge.MicroTime(now.Add(d))}
}

// runs reports whether the timer is the one of that name.
func (t timer) runs(name string) bool { return t.name == name && t.at != nil }

// due reports whether the timer is the one of that name and has ended.
func (t timer) due(name string, now time.Time) bool { return t.runs(name) && !now.Before(t.at.Time) }

// kept returns the timer if it has that name, else a new one that ends after d: a timer counts from the write that set it.
func (t timer) kept(now time.Time, name string, d time.Duration) timer {
	if t.runs(name) {
		return t
	}
	return startedAt(now, name, d)
}

// retained returns the timer of an object that goes when retention has passed. It counts from when the first of several
// reasons to go was seen, but from a deletion always anew: the tombstone of something that was deleted on the platform
// stays for the whole retention. before and reason are those of the Ready condition.
func (t timer) retained(now time.Time, retention time.Duration, before, reason string) timer {
	if reason == fastpixv1.ReasonDeleted && before != reason {
		return startedAt(now, fastpixv1.TimerRetention, retention)
	}
	return t.kept(now, fastpixv1.TimerRetention, retention)
}
