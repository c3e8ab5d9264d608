package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// Workspace is a tenant's workspace on FastPix. It changes with the tenant's histories, in their order, whether or not their webhooks arrive.
type Workspace struct {
	*fastpixfake.Workspace
	Access fastpixfake.Access

	mu   sync.Mutex
	last time.Time // when something happened
	lost []*Event
}

// Lost returns the events that happened and were never sent.
func (w *Workspace) Lost() []*Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Lose notes an event that happened and is never sent.
func (w *Workspace) Lose(e *Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = append(w.lost, e)
}

// now returns the time, later than any before: two changes of an object never happen at once.
func (w *Workspace) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Now().Truncate(time.Microsecond)
	if !at.After(w.last) {
		at = w.last.Add(time.Microsecond)
	}
	w.last = at
	return at
}

// happen makes events true in the workspace of their tenant, if it has one. They get the present time, because the API says now what they say: as
// long as a webhook is on its way, it wins over what the API said before. An event whose time is absurd keeps it, and the workspace has the right one.
// A history with a prefix does not happen: FastPix has no such ids.
func (l *History) happen(events []*Event) {
	for _, e := range events {
		if e.Tenant.Workspace != nil && !e.happened && l.prefix == "" {
			e.happen(e.Tenant.Workspace)
		}
	}
}

func (e *Event) happen(w *Workspace) {
	body := mustDecode(e.Body)
	says, isTimed := body["createdAt"].(string)
	at := w.now()
	body["createdAt"] = at.UTC().Format(eventTimeFormat)
	if data, ok := body["data"].(map[string]any); ok && data["updatedAt"] != nil {
		data["updatedAt"] = fastpixfake.Time(at)
	}
	text, err := json.Marshal(body)
	if err == nil {
		err = w.Apply(text)
	}
	if err != nil {
		panic(fmt.Sprintf("event %s cannot happen: %v", e.ID, err))
	}
	switch {
	case !isTimed:
		delete(body, "createdAt")
	case strings.HasPrefix(says, absurdYear):
		body["createdAt"] = says
	}
	*e = *newEvent(e.Tenant, body)
	e.happened = true
}
