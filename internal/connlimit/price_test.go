package connlimit

import (
	"bufio"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestPricesCoverWhatHeadersCost protects the prices from a change of net/http: the memory of headers of each shape, with the garbage
// before a collection, must stay below their price. It does not run in parallel, because it measures the heap.
func TestPricesCoverWhatHeadersCost(t *testing.T) {
	const garbage = 1.5 // main lets it grow by half of what is in use
	for name, text := range map[string]string{
		"lines of different names": headers(headerLines - 4),
		"lines of one name":        strings.Repeat("abc:\r\n", headerLines-4),
		"long values":              strings.Repeat("X: "+strings.Repeat("x", 1900)+"\r\n", 4),
		"a long value":             "X: " + strings.Repeat("x", headerBytes-100) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) { checkPrice(t, "GET / HTTP/1.1\r\nHost: x\r\n"+text+"\r\n", garbage) })
	}
	t.Run("a long path", func(t *testing.T) {
		checkPrice(t, "GET /"+strings.Repeat("%61", 2600)+" HTTP/1.1\r\nHost: x\r\n\r\n", garbage)
	})
}

func checkPrice(t *testing.T, text string, garbage float64) {
	t.Helper()
	const n = 500
	kept := make([]*http.Request, n)
	before := heap()
	for i := range kept {
		var err error
		if kept[i], err = http.ReadRequest(bufio.NewReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
	}
	cost := float64(heap()-before) / n
	runtime.KeepAlive(kept)
	charged := usage{raw: int64(len(text)), lines: int64(strings.Count(text, "\n"))}
	t.Logf("%d bytes, %d lines: %.0f bytes kept, charged for %d", len(text), charged.lines, cost, charged.cost())
	if cost*garbage > float64(charged.cost()+plainPrice/2) { // the request itself is part of the connection's price
		t.Errorf("%.0f bytes are kept of a header that is charged for %d", cost, charged.cost())
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
