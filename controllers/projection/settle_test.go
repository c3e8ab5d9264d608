package projection

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect what follows from a status and the time: conditions and timers.

const week = 7 * 24 * time.Hour

func (m mirror) settle(now time.Time) mirror {
	if m.kind == record.MediaAsset {
		SettleMediaAsset(&m.media, 3, now, week)
	} else {
		SettleLiveStream(&m.stream, 3, now, week)
	}
	return m
}

func (m mirror) conditions() []metav1.Condition {
	if m.kind == record.MediaAsset {
		return m.media.Conditions
	}
	return m.stream.Conditions
}

// describe returns conditions as Type=Status/Reason.
func describe(conditions []metav1.Condition) string {
	var all []string
	for _, c := range conditions {
		all = append(all, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	return fmt.Sprint(all)
}

func timerOf(m mirror) (string, *metav1.MicroTime) {
	if m.kind == record.MediaAsset {
		return m.media.Timer, m.media.TimerTime
	}
	return m.stream.Timer, m.stream.TimerTime
}

func TestSettlingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) {
		m, now := blank(kind), epoch
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			m = m.fold(history(t, kind, bounds{elements: 2, events: 2})...)
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 61, 14400, 700000}).Draw(t, "passed")) * time.Second)
			m = m.settle(now)
			text := m.json()
			sameJSON(t, "settled again", m.settle(now), text)
			sameJSON(t, "settled again after a restart", m.stored().settle(now), text)
			sameJSON(t, "folded nothing and settled again", m.fold().settle(now), text)
			later := m.settle(now.Add(time.Microsecond))
			name, at := timerOf(m)
			if laterName, laterAt := timerOf(later); name == laterName && !at.Equal(laterAt) {
				t.Errorf("the timer moved from %v to %v without a reason", at, laterAt)
			}
			checkSettled(t, m)
		}
	})
}

// checkSettled checks what holds for every settled mirror.
func checkSettled(t *rapid.T, m mirror) {
	name, at := timerOf(m)
	if (name == "") != (at == nil) {
		t.Errorf("timer %q has the time %v", name, at)
	}
	if !slices.IsSortedFunc(m.conditions(), func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) }) {
		t.Errorf("conditions are not sorted: %s", describe(m.conditions()))
	}
	for _, c := range m.conditions() {
		if c.ObservedGeneration != 3 || c.Message == "" || c.Reason == "" || c.LastTransitionTime.IsZero() {
			t.Errorf("condition is incomplete: %+v", c)
		}
		if (c.Type == "Reconciling" || c.Type == "Stalled" || c.Type == "Truncated") && c.Status != metav1.ConditionTrue {
			t.Errorf("%s is there but not true", c.Type)
		}
	}
	if reasonOf(m.conditions(), "Stalled") != "" && reasonOf(m.conditions(), "Reconciling") != "" {
		t.Errorf("both Stalled and Reconciling: %s", describe(m.conditions()))
	}
}

func TestMediaConditionsFollowTheState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state, became   string
		want, wantTimer string
		wantIn          time.Duration
	}{
		"a stub":                                {"", "", "[Ready=Unknown/NotSeen Reconciling=True/NotSeen]", "Retention", week},
		"an upload":                             {"Waiting", "", "[Ready=False/AwaitingUpload Reconciling=True/AwaitingUpload]", "Upload", 4 * time.Hour},
		"an upload that became another media":   {"Waiting", "m", "[Ready=False/BecameMedia Stalled=True/BecameMedia]", "Retention", week},
		"the same without the upload's event":   {"", "m", "[Ready=False/BecameMedia Stalled=True/BecameMedia]", "Retention", week},
		"an upload that is a media itself too":  {"Created", "m", "[Ready=False/Processing Reconciling=True/Processing]", "", 0},
		"a created media":                       {"Created", "", "[Ready=False/Processing Reconciling=True/Processing]", "", 0},
		"a word of the platform":                {"InQueue", "", "[Ready=False/Processing Reconciling=True/Processing]", "", 0},
		"a word that the platform may say once": {"Splicing", "", "[Ready=False/Processing Reconciling=True/Processing]", "", 0},
		"a ready media":                         {"Ready", "", "[Ready=True/Ready]", "", 0},
		"a failed media":                        {"Failed", "", "[Ready=False/Failed Stalled=True/Failed]", "", 0},
		"a cancelled upload":                    {"Cancelled", "", "[Ready=False/Cancelled Stalled=True/Cancelled]", "Retention", week},
		"a deleted media":                       {"Deleted", "", "[Ready=False/Deleted Stalled=True/Deleted]", "Retention", week},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := blank(record.MediaAsset)
			m.media.State, m.media.BecameMediaID = c.state, c.became
			m = m.settle(epoch)
			checkWant(t, m, c.want, c.wantTimer, epoch.Add(c.wantIn))
			if m.media.ObservedGeneration != 3 {
				t.Errorf("observedGeneration is %d", m.media.ObservedGeneration)
			}
		})
	}
}

func checkWant(t *testing.T, m mirror, want, wantTimer string, wantAt time.Time) {
	t.Helper()
	if got := describe(m.conditions()); got != want {
		t.Errorf("conditions are %s, want %s", got, want)
	}
	name, at := timerOf(m)
	if name != wantTimer {
		t.Errorf("timer is %q, want %q", name, wantTimer)
	}
	if name != "" && !at.Equal(&metav1.MicroTime{Time: wantAt}) {
		t.Errorf("timerTime is %v, want %v", at, wantAt)
	}
}

func TestStreamConditionsFollowTheState(t *testing.T) {
	t.Parallel()
	for state, c := range map[string]struct {
		want, wantTimer string
	}{
		"":           {"[Live=False/NotSeen Ready=Unknown/NotSeen Reconciling=True/NotSeen]", "Retention"},
		"Idle":       {"[Live=False/NotActive Ready=True/Ready]", ""},
		"Connected":  {"[Live=False/NotActive Ready=True/Ready]", ""},
		"Preparing":  {"[Live=False/NotActive Ready=True/Ready]", ""},
		"Active":     {"[Live=True/Active Ready=True/Ready]", ""},
		"Disabled":   {"[Live=False/Disabled Ready=False/Disabled Stalled=True/Disabled]", ""},
		"Deleted":    {"[Live=False/Deleted Ready=False/Deleted Stalled=True/Deleted]", "Retention"},
		"Rehearsing": {"[Live=False/NotActive Ready=True/Ready]", ""},
	} {
		t.Run("in state "+state, func(t *testing.T) {
			t.Parallel()
			m := blank(record.LiveStream)
			m.stream.State = state
			checkWant(t, m.settle(epoch), c.want, c.wantTimer, epoch.Add(week))
		})
	}
}

func TestUnusedUploadExpiresAndStaysSo(t *testing.T) {
	t.Parallel()
	const expired = "[Ready=False/UploadExpired Stalled=True/UploadExpired]"
	m := blank(record.MediaAsset)
	m.media.State = record.StateWaiting
	m = m.settle(epoch)
	m = m.settle(epoch.Add(4*time.Hour - time.Microsecond))
	checkWant(t, m, "[Ready=False/AwaitingUpload Reconciling=True/AwaitingUpload]", "Upload", epoch.Add(4*time.Hour))
	down := epoch.Add(10 * time.Hour) // the controllers were away when it was due
	m = m.settle(down)
	checkWant(t, m, expired, "Retention", down.Add(week))
	m = m.settle(down.Add(2 * week))
	checkWant(t, m, expired, "Retention", down.Add(week))

	became := m
	became.media.BecameMediaID = "m"
	checkWant(t, became.settle(down.Add(time.Hour)), "[Ready=False/BecameMedia Stalled=True/BecameMedia]", "Retention", down.Add(week))

	m.media.State = record.StateReady
	checkWant(t, m.settle(down.Add(time.Hour)), "[Ready=True/Ready]", "", time.Time{})
}

func TestUploadThatStartedAsAStubIsNotExpired(t *testing.T) {
	t.Parallel()
	m := blank(record.MediaAsset).settle(epoch)
	m.media.State = record.StateWaiting
	m = m.settle(epoch.Add(time.Hour))
	checkWant(t, m, "[Ready=False/AwaitingUpload Reconciling=True/AwaitingUpload]", "Upload", epoch.Add(5*time.Hour))
}

func TestTombstoneStaysForTheWholeRetention(t *testing.T) {
	t.Parallel()
	m := blank(record.MediaAsset)
	m.media.State = record.StateCancelled
	m = m.settle(epoch)
	m.media.State = record.StateDeleted
	deleted := epoch.Add(6 * 24 * time.Hour)
	m = m.settle(deleted)
	checkWant(t, m, "[Ready=False/Deleted Stalled=True/Deleted]", "Retention", deleted.Add(week))
	checkWant(t, m.settle(deleted.Add(2*week)), "[Ready=False/Deleted Stalled=True/Deleted]", "Retention", deleted.Add(week))
}

// disconnected returns a stream whose encoder disconnected at that second, by an event with that id.
func (m mirror) disconnected(id string, second int, untimed bool) mirror {
	return m.fold(streamEvent(id, "video.live_stream.disconnected", second, untimed))
}

func streamEvent(id, typ string, second int, untimed bool) *record.Record {
	r := newRecord(id, typ)
	r.Untimed = untimed
	if !untimed {
		r.Time = &metav1.MicroTime{Time: epoch.Add(time.Duration(second) * time.Second)}
	}
	t, _ := record.Lookup(typ)
	r.Changes = []record.Change{{Kind: record.LiveStream, ID: objectID, Stream: &record.StreamChange{State: t.State}}}
	return r
}

func TestLiveEndsWithTheReconnectWindow(t *testing.T) {
	t.Parallel()
	const (
		reconnecting = "[Live=Unknown/Reconnecting Ready=True/Ready]"
		passed       = "[Live=False/WindowPassed Ready=True/Ready]"
		active       = "[Live=True/Active Ready=True/Ready]"
	)
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		untimed bool
		second  int // of the first disconnect by the platform's clock
		seen    int // when it is folded
		wantEnd int // when the window ends
	}{
		"seen at once":                      {second: 0, seen: 1, wantEnd: 60},
		"seen late":                         {second: 0, seen: 50, wantEnd: 60},
		"by a clock that is ahead":          {second: 200, seen: 0, wantEnd: 60},
		"by an event without credible time": {untimed: true, seen: 7, wantEnd: 67},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := blank(record.LiveStream).fold(streamEvent("e0", "video.live_stream.active", -9, c.untimed)).settle(at(-9))
			checkWant(t, m, active, "", time.Time{})
			m = m.disconnected("e1", c.second, c.untimed).settle(at(c.seen))
			checkWant(t, m, reconnecting, "Reconnect", at(c.wantEnd))
			m = m.stored().settle(at(c.wantEnd).Add(-time.Microsecond))
			checkWant(t, m, reconnecting, "Reconnect", at(c.wantEnd))
			m = m.settle(at(c.wantEnd))
			checkWant(t, m, passed, "", time.Time{})
			m = m.disconnected("e1", c.second, c.untimed).stored().settle(at(c.wantEnd + 1))
			checkWant(t, m, passed, "", time.Time{})

			// It came back and went again, and both were folded at once.
			again := m.fold(streamEvent("e2", "video.live_stream.active", 300, c.untimed)).disconnected("e3", 310, c.untimed)
			checkWant(t, again.settle(at(320)), reconnecting, "Reconnect", map[bool]time.Time{false: at(370), true: at(380)}[c.untimed])
		})
	}

	t.Run("seen after it has passed", func(t *testing.T) {
		t.Parallel()
		m := blank(record.LiveStream).disconnected("e1", 0, false).settle(at(60))
		checkWant(t, m, passed, "", time.Time{})
	})
	t.Run("a second disconnect while the first window runs", func(t *testing.T) {
		t.Parallel()
		m := blank(record.LiveStream).disconnected("e1", 0, false).settle(at(1)).disconnected("e2", 30, false).settle(at(31))
		checkWant(t, m, reconnecting, "Reconnect", at(90))
	})
	t.Run("a longer window than was thought", func(t *testing.T) {
		t.Parallel()
		m := blank(record.LiveStream).disconnected("e1", 0, false).settle(at(1))
		r := streamEvent("e2", "video.live_stream.updated", 2, false)
		r.Changes[0].Stream.ReconnectWindow = &metav1.Duration{Duration: 3 * time.Minute}
		checkWant(t, m.fold(r).settle(at(70)), reconnecting, "Reconnect", at(180))
	})
	t.Run("no window at all", func(t *testing.T) {
		t.Parallel()
		r := streamEvent("e1", "video.live_stream.disconnected", 0, true)
		r.Changes[0].Stream.ReconnectWindow = &metav1.Duration{}
		checkWant(t, blank(record.LiveStream).fold(r).settle(at(0)), passed, "", time.Time{})
	})
}

func TestTransitionTimesMoveWithTheStatusOnly(t *testing.T) {
	t.Parallel()
	m := blank(record.MediaAsset)
	m.media.State = record.StateWaiting
	m = m.settle(epoch)
	m.media.State = record.StateCreated // still not ready, for another reason
	m = m.settle(epoch.Add(time.Minute))
	m.media.Conditions = slices.Clone(m.media.Conditions)
	for _, c := range m.media.Conditions {
		if !c.LastTransitionTime.Time.Equal(epoch) {
			t.Errorf("%s changed at %v", c.Type, c.LastTransitionTime)
		}
	}
	m.media.State = record.StateReady
	m = m.settle(epoch.Add(time.Hour))
	if at := m.media.Conditions[0].LastTransitionTime; !at.Time.Equal(epoch.Add(time.Hour)) {
		t.Errorf("Ready changed at %v", at)
	}
}

func TestNewestEventTimeIgnoresUntimedEvents(t *testing.T) {
	t.Parallel()
	at := func(s int) *metav1.MicroTime {
		return &metav1.MicroTime{Time: epoch.Add(time.Duration(s) * time.Second)}
	}
	if got := merge.NewestEventTime(nil); got != nil {
		t.Errorf("of no event: %v", got)
	}
	var lines []fastpixv1.EventLine
	for _, e := range []fastpixv1.EventReference{{ID: "a", Time: at(3)}, {ID: "b", Time: at(1)}, {ID: "c", Time: at(9), Untimed: true}, {ID: "d"}} {
		lines = append(lines, fastpixv1.NewEventLine(&e))
	}
	got := merge.NewestEventTime(lines)
	if got == nil || !got.Equal(at(3)) {
		t.Errorf("got %v, want %v", got, at(3))
	}
}
