package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Why says in one sentence why a mirror is as it is.
func Why(m *mirror.Mirror) string {
	name := fmt.Sprintf("%s %s ", m.Kind, m.GetName())
	ready := m.Condition(fastpixv1.ConditionReady)
	switch ready.Reason {
	case "":
		return name + "shows nothing yet, because no event about the id " + m.ID + " has arrived, and sync has not found it."
	case fastpixv1.ReasonNameMismatch:
		return name + "never shows anything, because its name does not follow from the id " + m.ID + ": delete it, and apply it again with the right name."
	case fastpixv1.ReasonNotSeen:
		return name + "waits, because only events about its parts have arrived (" + types(m.Recent) + "), and none about the object itself."
	}
	w := why{m, originsOf(m.Provenance)}
	if m.Kind == record.LiveStream {
		return name + w.stream() + "."
	}
	return name + w.media() + "."
}

// why finds the reasons of one mirror.
type why struct {
	*mirror.Mirror
	origins origins
}

// stateSetBy says which event set the state.
func (w why) stateSetBy() string {
	by := w.origins.of("state")
	if by == nil {
		return "it is in state " + w.State
	}
	hidden, older := w.origins.word(wordHidden)
	switch {
	case record.IsMissing(by.Type):
		return by.String()
	case older != nil:
		return fmt.Sprintf("%s says that its state is %s, and that is newer than %s, which set the state %s", by, w.State, older, hidden)
	case by.Observation:
		return fmt.Sprintf("%s says that its state is %s", by, w.State)
	}
	return fmt.Sprintf("%s set its state to %s", by, w.State)
}

func (w why) media() string {
	set := w.stateSetBy()
	switch reason := w.Condition(fastpixv1.ConditionReady).Reason; reason {
	case fastpixv1.ReasonReady:
		return "can be played, because " + set
	case fastpixv1.ReasonAwaitingUpload:
		return "cannot be played yet, because FastPix waits for the file: " + set + w.until(", and the upload expires at %s")
	case fastpixv1.ReasonFailed:
		return "can never be played, because FastPix could not process it: " + set
	case fastpixv1.ReasonCancelled:
		return "can never be played, because its upload was cancelled: " + set
	case fastpixv1.ReasonUploadExpired:
		return "can never be played, because its upload expired before a file arrived: " + set + ", and no event has followed in time"
	case fastpixv1.ReasonBecameMedia:
		return w.becameMedia()
	case fastpixv1.ReasonDeleted:
		return w.tombstone(set)
	}
	return "cannot be played yet, because FastPix works on it: " + set
}

func (w why) becameMedia() string {
	became := "another media"
	if a, ok := w.Object.(*fastpixv1.MediaAsset); ok {
		became = "media " + a.Status.BecameMediaID
	}
	text := "is an upload that became " + became + ", which has a mirror of its own"
	if by := w.origins.of("becameMediaID"); by != nil {
		text += ", because " + by.String() + " says so"
	}
	return text
}

// tombstone says why an object is deleted.
func (w why) tombstone(set string) string {
	text := "is a tombstone, because "
	if by := w.origins.of("state"); by != nil && record.IsMissing(by.Type) {
		text += "sync found that it was deleted on FastPix: " + by.String()
	} else {
		text += "it was deleted on FastPix: " + set
	}
	return text + w.until("; it is removed at %s")
}

// until says when the timer ends.
func (w why) until(format string) string {
	if w.TimerTime == nil {
		return ""
	}
	return fmt.Sprintf(format, w.TimerTime.UTC().Format(time.RFC3339))
}

func (w why) stream() string {
	set := w.stateSetBy()
	switch w.Condition(fastpixv1.ConditionLive).Reason {
	case fastpixv1.ReasonActive:
		return "is on air, because " + set
	case fastpixv1.ReasonReconnecting:
		return "may come back on air, because its encoder has disconnected: " + set + w.until(", and FastPix waits for the encoder until %s")
	case fastpixv1.ReasonWindowPassed:
		return "is not on air, because its encoder has disconnected and did not come back in time: " + set
	case fastpixv1.ReasonDisabled:
		return "cannot be used, because it is disabled on FastPix: " + set
	case fastpixv1.ReasonDeleted:
		return w.tombstone(set)
	}
	return "may be used and is not on air, because " + set
}

// types returns the types of events, each once, the newest first.
func types(recent []fastpixv1.EventLine) string {
	var all []string
	for _, line := range recent {
		if typ := line.Event().Type; !slices.Contains(all, typ) {
			all = append(all, typ)
		}
	}
	if all == nil {
		return "none is known any more"
	}
	return strings.Join(all, ", ")
}
