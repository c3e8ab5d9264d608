package sync

import (
	"encoding/json"
	"hash/maphash"
	"testing"
	"time"

	"github.com/go-logr/logr"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// benchRows is how many media a benchmark holds: about what one window holds.
const benchRows = 13_000

var benchTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// benchRun returns a run whose window is empty.
func benchRun(tb testing.TB) *run {
	tb.Helper()
	e := &fastpixv1.WebhookEndpoint{}
	e.Namespace, e.Name, e.UID = "video", "fastpix", "9c0d7e5a-5f0b-4f6e-8f37-0a4d1c1f1a11"
	e.Spec.Sync = &fastpixv1.SyncSpec{MaxObjects: 1_000_000}
	env := &environment{grace: 2 * time.Minute, now: func() time.Time { return benchTime }}
	r := newRun(newSession(env, e), logr.Discard(), "", false)
	r.seen = map[uint64]struct{}{}
	return r
}

// benchPage returns a full page of media whose first one is the i-th.
func benchPage(tb testing.TB, first int) *fastpixapi.Page {
	tb.Helper()
	page := &fastpixapi.Page{Date: benchTime, Number: 1, TotalRecords: benchRows, Pages: benchRows / fastpixapi.PageSize}
	for i := range fastpixapi.PageSize {
		row := fastpixfake.NewMedia(fastpixfake.MediaID(first+i), benchTime.Add(-time.Hour))
		row["workspaceId"] = fastpixfake.MediaID(1_000_000)
		text, err := json.Marshal(row)
		if err != nil {
			tb.Fatal(err)
		}
		page.Rows = append(page.Rows, text)
	}
	return page
}

// benchRecords returns the names of mirrors and the texts of the records of some media.
func benchRecords(tb testing.TB, n int) (names, texts []string) {
	tb.Helper()
	r := benchRun(tb)
	for first := 0; first < n; first += fastpixapi.PageSize {
		page := benchPage(tb, first)
		for _, row := range page.Rows {
			o, err := event.Observe(record.MediaAsset, row)
			if err != nil {
				tb.Fatal(err)
			}
			rec := r.recordOf(o, r.reply(page.Date))
			text, err := event.Fit(rec)
			if err != nil {
				tb.Fatal(err)
			}
			names, texts = append(names, record.ObjectName(rec.Changes[0].ID)), append(texts, text)
		}
	}
	return names, texts
}

// benchWindow returns a window with some media, and the names of their mirrors.
func benchWindow(tb testing.TB, n int) (*window, []string) {
	tb.Helper()
	names, texts := benchRecords(tb, n)
	w := newWindow(maphash.MakeSeed())
	for i := range names {
		if err := w.add(names[i], texts[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return w, names
}

func BenchmarkWindowAdd(b *testing.B) {
	names, texts := benchRecords(b, 1000)
	w := newWindow(maphash.MakeSeed())
	packed, rows, length := 0, 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if w.isFull() {
			packed, rows = packed+len(w.packed), rows+len(w.rows)
			w.reset()
		}
		if err := w.add(names[i%len(names)], texts[i%len(texts)]); err != nil {
			b.Fatal(err)
		}
		length += len(texts[i%len(texts)])
	}
	packed, rows = packed+len(w.packed), rows+len(w.rows)
	b.ReportMetric(float64(packed)/float64(rows), "packed-bytes/row")
	b.ReportMetric(float64(length)/float64(rows), "bytes/row")
}

func BenchmarkWindowFind(b *testing.B) {
	w, names := benchWindow(b, benchRows)
	w.find("") // sorts the rows
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if w.find(names[i%len(names)]) == nil {
			b.Fatal("a row is not found")
		}
	}
}

func BenchmarkWindowUnpack(b *testing.B) {
	w, _ := benchWindow(b, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if text, err := w.unpack(&w.rows[i%len(w.rows)]); err != nil || text == "" {
			b.Fatalf("a row cannot be unpacked: %v", err)
		}
	}
}

// BenchmarkAddPage decodes and packs a page of 50 media.
func BenchmarkAddPage(b *testing.B) {
	r := benchRun(b)
	page := benchPage(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		if r.window.isFull() {
			r.window.reset()
		}
		if _, err := r.addPage(record.MediaAsset, page); err != nil {
			b.Fatal(err)
		}
	}
	if len(r.window.rows) == 0 || r.report.unreadable > 0 {
		b.Fatalf("the window holds %d rows, %d rows are unreadable", len(r.window.rows), r.report.unreadable)
	}
	b.ReportMetric(float64(len(r.window.packed))/float64(len(r.window.rows)), "packed-bytes/row")
}
