package projection

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// The oracle's definitions of law 10: what observations of the management API change.

// expectMissing computes what the greatest record does that says that the API does not have the object.
func (e expectation) expectMissing(records []*record.Record) {
	var newest, missing *record.Record
	position := func(r *record.Record) string {
		if r == nil {
			return ""
		}
		return stampOf(r) + "/" + r.Type
	}
	for _, r := range records {
		if position(r) > position(newest) {
			newest = r
		}
		if strings.HasSuffix(r.Type, ".missing") && position(r) > position(missing) {
			missing = r
		}
	}
	if missing == nil {
		return
	}
	e.by["missing"] = missing
	for _, name := range clearedFields {
		if by := e.by[name]; by != nil && stampOf(by) < stampOf(missing) {
			e.drop(name)
		}
	}
	if e.fields["state"] == `"Deleted"` || newest != missing && position(newest) != position(missing) {
		return
	}
	e.decideState("Deleted", missing)
	delete(e.fields, "reconnectDeadline")
	e.drop("deletedTime")
	e.expectTime("deletedTime", missing)
}

// decideState replaces the state by events with one that an observation decides.
func (e expectation) decideState(state string, by *record.Record) {
	if held := e.by["state"]; held != nil {
		e.by["hiddenState="+strings.Trim(e.fields["state"], `"`)] = held
	}
	e.fields["state"], e.by["state"] = jsonOf(state), by
}

// expectObservedState computes what the newest observation changes in a stream whose state by events is known.
func (e expectation) expectObservedState(records []*record.Record) {
	var claims []claim
	for _, r := range records {
		if s := r.Changes[0].Stream.State; r.Type == "sync.live_stream.observed" && slices.Contains([]string{"Idle", "Preparing", "Active", "Disabled"}, s) {
			claims = append(claims, claim{r, s})
		}
	}
	c, ok := greatest(claims)
	if !ok {
		return
	}
	word := c.value.(string)
	e.by["observedState="+word] = c.record
	if missingInForce(records) || !e.contradicts(word, c.record) {
		return
	}
	e.decideState(word, c.record)
	delete(e.fields, "reconnectDeadline")
	switch at := (metav1.MicroTime{}); word {
	case "Active":
		if c.record.Untimed {
			delete(e.fields, "activeSince")
			return
		}
		at.Time = c.record.Time.Time
		e.fields["activeSince"] = jsonOf(at)
		e.fields["lastActiveTime"] = max(e.fields["lastActiveTime"], jsonOf(at))
	case "Idle", "Disabled":
		e.fields["recording"] = "false"
	}
}

// contradicts reports whether the word of a newer observation and the state by events cannot both be true.
func (e expectation) contradicts(word string, observed *record.Record) bool {
	held := e.by["state"]
	if held == nil {
		return true
	}
	instant := func(r *record.Record) string { at, _, _ := strings.Cut(stampOf(r), "/"); return at }
	if instant(observed) <= instant(held) {
		return false
	}
	deadline := time.Time{}
	if text := strings.Trim(e.fields["reconnectDeadline"], `"`); text != "" {
		deadline, _ = time.Parse(time.RFC3339, text)
	}
	waiting := !observed.Untimed && observed.Time.Time.Truncate(time.Microsecond).Before(deadline)
	pairs := fmt.Sprintf("%s/%s", word, strings.Trim(e.fields["state"], `"`))
	switch pairs {
	case "Idle/Active", "Idle/Preparing", "Idle/Disabled", "Preparing/Idle", "Preparing/Disabled":
		return true
	case "Active/Idle", "Active/Connected", "Active/Preparing", "Active/Disabled":
		return true
	case "Active/Disconnected":
		return !waiting
	case "Disabled/Idle", "Disabled/Connected", "Disabled/Preparing", "Disabled/Active", "Disabled/Disconnected":
		return true
	}
	return false
}

// missingInForce reports whether the greatest record says that the API does not have the object.
func missingInForce(records []*record.Record) bool {
	greatest, typ := "", ""
	for _, r := range records {
		if position := stampOf(r) + "/" + r.Type; position > greatest {
			greatest, typ = position, r.Type
		}
	}
	return strings.HasSuffix(typ, ".missing")
}
