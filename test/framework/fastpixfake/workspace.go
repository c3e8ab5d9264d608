package fastpixfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Workspace is a workspace of FastPix. It may be changed while it is read.
type Workspace struct {
	// ID is the workspace's id, which its media carry.
	ID string

	mu             sync.Mutex
	media, streams collection
}

// collection holds objects ordered by creation, as the API lists them.
type collection struct {
	byID   map[string]*entry
	sorted []*entry
}

type entry struct {
	created, id string
	row         Row
	text        json.RawMessage
}

func compareEntries(a, b *entry) int {
	if c := strings.Compare(a.created, b.created); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// PutMedia creates or replaces a media. It belongs to the workspace unless the row says otherwise.
func (w *Workspace) PutMedia(row Row) {
	if _, ok := row["workspaceId"]; !ok {
		row["workspaceId"] = w.ID
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.media.put(text(row, "id"), row)
}

// PutStream creates or replaces a live stream.
func (w *Workspace) PutStream(row Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams.put(text(row, "streamId"), row)
}

// DeleteMedia deletes a media.
func (w *Workspace) DeleteMedia(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.media.remove(id)
}

// DeleteStream deletes a live stream.
func (w *Workspace) DeleteStream(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams.remove(id)
}

// Media returns a media, or nil.
func (w *Workspace) Media(id string) Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.media.row(id)
}

// Stream returns a live stream, or nil.
func (w *Workspace) Stream(id string) Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams.row(id)
}

// Rows returns all media and live streams as the API lists them.
func (w *Workspace) Rows() (media, streams []json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	media, _ = w.media.page(1, len(w.media.sorted), true)
	streams, _ = w.streams.page(1, len(w.streams.sorted), true)
	return media, streams
}

// Len returns the number of media and of live streams.
func (w *Workspace) Len() (media, streams int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.media.sorted), len(w.streams.sorted)
}

func (c *collection) put(id string, row Row) {
	e := &entry{id: id, created: text(row, "createdAt"), row: row}
	var err error
	if e.text, err = json.Marshal(row); err != nil {
		panic(fmt.Sprintf("the row is no JSON: %v", err))
	}
	if c.byID == nil {
		c.byID = map[string]*entry{}
	}
	if old := c.byID[id]; old != nil && old.created != e.created {
		c.remove(id)
	}
	at, found := slices.BinarySearchFunc(c.sorted, e, compareEntries)
	if found {
		c.sorted[at] = e
	} else {
		c.sorted = slices.Insert(c.sorted, at, e)
	}
	c.byID[id] = e
}

func (c *collection) remove(id string) {
	e := c.byID[id]
	if e == nil {
		return
	}
	delete(c.byID, id)
	if at, found := slices.BinarySearchFunc(c.sorted, e, compareEntries); found {
		c.sorted = slices.Delete(c.sorted, at, at+1)
	}
}

// row returns a copy of an object.
func (c *collection) row(id string) Row {
	e := c.byID[id]
	if e == nil {
		return nil
	}
	var row Row
	if err := json.Unmarshal(e.text, &row); err != nil {
		panic(err)
	}
	return row
}

// page returns one page, and how many rows there are.
func (c *collection) page(number, size int, ascending bool) (rows []json.RawMessage, total int) {
	rows, total = []json.RawMessage{}, len(c.sorted)
	for i := (number - 1) * size; i < min(number*size, total); i++ {
		e := c.sorted[i]
		if !ascending {
			e = c.sorted[total-1-i]
		}
		rows = append(rows, e.text)
	}
	return rows, total
}

func text(row Row, field string) string {
	s, _ := row[field].(string)
	return s
}
