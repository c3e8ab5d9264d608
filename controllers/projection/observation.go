package projection

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// hiddenState is the word of the state by events while an observation decides the state that is shown.
	hiddenState = "hiddenState"
	// observedState is the word of the state of a stream by the newest observation.
	observedState = "observedState"
)

// showState shows a state that an observation decides, and hides the state by events.
func showState[S, C any](f *merge.Fold[S, C], state *string, shown string, by merge.Event) {
	f.SetWord(hiddenState, merge.Word{Value: *state, By: f.SetBy("state")})
	*state = shown
	f.Attribute("state", by)
}

// revealState reverses showState. decides reports whether a type of record decides the state without being its register.
func revealState[S, C any](f *merge.Fold[S, C], state *string, decides func(typ string) bool) {
	if !decides(f.SetBy("state").Type) {
		return
	}
	hidden := f.Word(hiddenState)
	*state = hidden.Value
	f.Attribute("state", hidden.By)
	f.SetWord(hiddenState, merge.Word{})
}

// mergeObservedState merges the state of a stream that an observation carries. It is not the register of the state by events, because the API knows four
// words and events six states.
func mergeObservedState(f *merge.Fold[streamStatus, streamChange], by merge.Event, word string) {
	held := f.Word(observedState)
	if by.Type == record.TypeStreamObserved && apiStates[word] && merge.Supersedes(by, held.By, word, held.Value) {
		f.SetWord(observedState, merge.Word{Value: word, By: by})
	}
}

// apiStates are the states of a stream that the management API knows.
var apiStates = map[string]bool{record.StateIdle: true, record.StatePreparing: true, record.StateActive: true, record.StateDisabled: true}

// applyObservedState shows the state of the newest observation if it is newer than the event that set the state, and both cannot be true.
func applyObservedState(f *merge.Fold[streamStatus, streamChange]) {
	observed := f.Word(observedState)
	if observed.By == (merge.Event{}) || !overrides(f, observed) {
		return
	}
	showState(f, &f.Status.State, observed.Value, observed.By)
	at := observed.By.BelievedTime()
	switch observed.Value {
	case record.StateActive:
		f.Status.ActiveSince, f.Status.LastActiveTime = at, latest(f.Status.LastActiveTime, at)
	case record.StateIdle, record.StateDisabled:
		f.Status.Recording = new(false)
	}
}

// overrides reports whether an observation decides the state of a stream.
func overrides(f *merge.Fold[streamStatus, streamChange], observed merge.Word) bool {
	by := f.SetBy("state")
	state := f.Status.State
	switch {
	case state == "":
		return true
	case state == record.StateDeleted || merge.CompareTimes(observed.By, by) <= 0:
		return false
	}
	switch observed.Value {
	case record.StateIdle:
		return state == record.StateActive || state == record.StatePreparing || state == record.StateDisabled
	case record.StatePreparing:
		return state == record.StateIdle || state == record.StateDisabled
	case record.StateActive:
		return state != record.StateActive && (state != record.StateDisconnected || !windowOpen(f, observed.By))
	}
	return state != record.StateDisabled
}

// windowOpen reports whether the encoder of a disconnected stream might still reconnect when an observation was made.
func windowOpen(f *merge.Fold[streamStatus, streamChange], observed merge.Event) bool {
	deadline, at := reconnectDeadline(f.SetBy("state"), reconnectWindow(f.Status)), observed.BelievedTime()
	return deadline != nil && at != nil && at.Before(deadline)
}

// revealStream reverses applyObservedState and the effect of a missing record. The events that set the fields tell their values.
func revealStream(f *merge.Fold[streamStatus, streamChange]) {
	revealState(f, &f.Status.State, record.IsObservation)
	f.Status.ActiveSince = f.SetBy("activeSince").BelievedTime()
	f.Status.LastActiveTime = f.SetBy("lastActiveTime").BelievedTime()
	f.Status.Recording = nil
	if recording := steps[f.SetBy("recording").Type].recording; recording != nil {
		f.Status.Recording = new(*recording)
	}
}

func latest(a, b *metav1.MicroTime) *metav1.MicroTime {
	if a == nil || b != nil && a.Before(b) {
		return b
	}
	return a
}
