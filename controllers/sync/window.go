package sync

import (
	"bytes"
	"cmp"
	"compress/flate"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
)

const (
	// windowBytes bounds the packed rows that a run holds at once: about 19,000 media.
	windowBytes = 3 << 20
	// growBytes is more than most packed rows have.
	growBytes = 4 << 10
	// maxSample bounds what the dictionary takes of the first record.
	maxSample = 4 << 10
	// dictionary holds what most records have in common. Packing is several times better with it.
	dictionary = `{"v":2,"id":"sync-","type":"sync.live_stream.observed","time":"2026-"changes":[{"kind":"LiveStream","id":"","stream":{"state":"Idle","metadata":{"livestream_name":"` +
		`"maxResolution":"1080p","maxDuration":"8h0m0s","reconnectWindow":"1m0s","dvrMode":false,"lowLatency":false,"recordingEnabled":true,"closedCaptions":false,"mediaPolicy":"public",` +
		`"createdTime":"2026-"playbackIDs":{"snapshot":[{"id":"","accessPolicy":"public"}]},"simulcastTargets":{"snapshot":[{"id":"","enabled":true}]}}}]}` +
		`{"v":2,"id":"sync-","type":"sync.media.observed","time":"2026-11-20T10:00:00.000000Z","received":"2026-11-20T10:00:00.000000Z","ns":"video","ep":"fastpix","uid":"",` +
		`"changes":[{"kind":"MediaAsset","id":"","media":{"state":"Ready","title":"","creatorID":"","metadata":{},"workspaceID":"","maxResolution":"1080p","sourceResolution":"1080p",` +
		`"aspectRatio":"16:9","duration":"10s","mediaQuality":"standard","audioOnly":false,"sourceAccess":false,"thumbnail":"https://images.fastpix.com//thumbnail.png",` +
		`"createdTime":"2026-11-20T10:00:00.000000Z","updatedTime":"2026-11-20T10:00:00.000000Z","playbackIDs":{"snapshot":[{"id":"","accessPolicy":"public","accessRestrictions":` +
		`{"domains":{"defaultPolicy":"allow"},"userAgents":{"defaultPolicy":"allow"}}}]},"tracks":{"snapshot":[{"id":"","type":"video","state":"Available","width":1920,"height":1080,` +
		`"frameRate":"24.000"},{"id":"","type":"audio","state":"Available","languageCode":"und","languageName":"default"}]}}}]}`
)

// row is one packed record of a window.
type row struct {
	hash    uint64 // of the name of its mirror
	from    int
	length  int
	matched bool // it has a mirror
}

// window holds the observations of some pages in little memory, so that one list of all mirrors serves thousands of rows.
type window struct {
	seed       maphash.Seed
	dictionary []byte // of this window: with what the first record holds, which are the ids of the endpoint and of the workspace among others
	writer     *flate.Writer
	reader     io.ReadCloser
	packed     []byte
	rows       []row
	sorted     bool
}

// newWindow returns an empty window. It takes memory when the first row is added.
func newWindow(seed maphash.Seed) *window { return &window{seed: seed} }

// start makes the compressor. Its dictionary ends with the first record, which later ones resemble most.
func (w *window) start(first string) (err error) {
	w.dictionary = append([]byte(dictionary), first[:min(len(first), maxSample)]...)
	if w.writer, err = flate.NewWriterDict(io.Discard, flate.BestSpeed+2, w.dictionary); err != nil {
		return fmt.Errorf("make the compressor: %w", err)
	}
	w.reader = flate.NewReaderDict(bytes.NewReader(nil), w.dictionary)
	return nil
}

// reset empties the window.
func (w *window) reset() { w.packed, w.rows, w.sorted = w.packed[:0], w.rows[:0], false }

// free empties the window, and frees its memory.
func (w *window) free() { *w = window{seed: w.seed} }

// isFull reports whether the window should be compared before more rows are added.
func (w *window) isFull() bool { return len(w.packed) >= windowBytes }

func (w *window) hash(name string) uint64 { return maphash.String(w.seed, name) }

// add packs the record of the object whose mirror has that name.
func (w *window) add(name, text string) error {
	if w.writer == nil {
		if err := w.start(text); err != nil {
			return err
		}
	}
	from := len(w.packed)
	if cap(w.packed)-from < growBytes {
		w.packed = slices.Grow(w.packed, growBytes) // by a quarter, where the buffer would grow to twice its size
	}
	buffer := bytes.NewBuffer(w.packed)
	w.writer.Reset(buffer)
	if _, err := io.WriteString(w.writer, text); err != nil {
		return fmt.Errorf("pack a row: %w", err)
	}
	if err := w.writer.Close(); err != nil {
		return fmt.Errorf("pack a row: %w", err)
	}
	w.packed = buffer.Bytes()
	w.rows = append(w.rows, row{hash: w.hash(name), from: from, length: len(w.packed) - from})
	w.sorted = false
	return nil
}

// sort sorts the rows by hash. Of rows that came twice the newest is the last.
func (w *window) sort() {
	if !w.sorted {
		slices.SortStableFunc(w.rows, func(a, b row) int { return cmp.Compare(a.hash, b.hash) })
		w.sorted = true
	}
}

// find returns the newest row of the object whose mirror has that name; nil if the window holds none. Another name may have the same hash, so the caller
// compares ids.
func (w *window) find(name string) *row {
	w.sort()
	hash := w.hash(name)
	i, ok := slices.BinarySearchFunc(w.rows, hash, func(r row, hash uint64) int { return cmp.Compare(r.hash, hash) })
	if !ok {
		return nil
	}
	for ; i+1 < len(w.rows) && w.rows[i+1].hash == hash; i++ { // a row that came twice
		w.rows[i].matched = true
	}
	return &w.rows[i]
}

// unpack returns the record of a row.
func (w *window) unpack(r *row) (string, error) {
	packed := bytes.NewReader(w.packed[r.from : r.from+r.length])
	if err := w.reader.(flate.Resetter).Reset(packed, w.dictionary); err != nil {
		return "", fmt.Errorf("unpack a row: %w", err)
	}
	text, err := io.ReadAll(w.reader)
	if err != nil {
		return "", fmt.Errorf("unpack a row: %w", err)
	}
	return string(text), nil
}
