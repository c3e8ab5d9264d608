package plan

import (
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// mediaSilence is how long a media that is not ready may be silent before it is asked for. The time doubles with each question up to maxSilence.
	mediaSilence = 10 * time.Minute
	maxSilence   = 6 * time.Hour
	// streamSilence is how long a stream on air may be silent before each question.
	streamSilence = 15 * time.Minute
)

// Silent is a mirror that may be asked for between two runs.
type Silent struct {
	Kind  record.Kind
	State string
	// Heard is the time of its newest event or its creation. Asked is when it was asked for; zero if it was not.
	Heard, Asked time.Time
	// Questions is how often it was asked for since it was heard.
	Questions int
}

// Due returns when the object is asked for, and whether it is asked for at all.
func (s Silent) Due() (time.Time, bool) {
	switch {
	case s.State == "":
		if s.Questions == 0 {
			return time.Time{}, true
		}
		return s.Asked.Add(doubled(s.Questions - 1)), true
	case s.Kind == record.LiveStream:
		if s.State != record.StateActive && s.State != record.StatePreparing {
			return time.Time{}, false
		}
		return latest(s.Heard, s.Asked).Add(streamSilence), true
	}
	switch s.State {
	case record.StateReady, record.StateFailed, record.StateCancelled, record.StateDeleted:
		return time.Time{}, false
	}
	return latest(s.Heard, s.Asked).Add(doubled(s.Questions)), true
}

// doubled returns the silence before the next question after so many.
func doubled(questions int) time.Duration {
	if questions > 8 {
		return maxSilence
	}
	return min(mediaSilence<<questions, maxSilence)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
