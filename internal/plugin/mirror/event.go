package mirror

import (
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Event is an event or an observation that a mirror has seen, for people and for -o json.
type Event struct {
	// Time is when it happened; zero if it does not say.
	Time time.Time `json:"time,omitzero"`
	// Untimed says that the time is missing or not credible.
	Untimed bool   `json:"untimed,omitempty"`
	Type    string `json:"type"`
	ID      string `json:"id"`
	// Observation says that it is no event, but an answer of FastPix's management API to the syncer.
	Observation bool `json:"observation,omitempty"`
}

// EventOf returns what a reference names.
func EventOf(r fastpixv1.EventReference) Event {
	e := Event{Untimed: r.Untimed, Type: r.Type, ID: r.ID, Observation: record.IsObservation(r.Type)}
	if r.Time != nil {
		e.Time = r.Time.Time
	}
	return e
}

// When returns the time as text. A question mark says that it is not credible.
func (e Event) When() string {
	text := ""
	if !e.Time.IsZero() {
		text = e.Time.UTC().Format(time.RFC3339Nano)
	}
	if e.Untimed {
		return "?" + text
	}
	return text
}

// String names the event in a sentence.
func (e Event) String() string {
	switch {
	case e.ID == "" && e.Type == "":
		return "an event that is not known any more"
	case record.IsMissing(e.Type):
		return "an answer of FastPix's management API at " + e.When() + ", which does not have it"
	case e.Observation:
		return "an answer of FastPix's management API at " + e.When()
	case e.Time.IsZero():
		return "event " + e.Type + " " + e.ID + " without a time"
	case e.Untimed:
		return "event " + e.Type + " " + e.ID + " with a time that is not credible"
	}
	return "event " + e.Type + " of " + e.When()
}
