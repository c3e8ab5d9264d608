package fastpixfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// Fault is an answer that is not the right one. Path restricts it to paths that begin so; empty means every path. Times is how many requests get
// it; 0 means all until Heal.
type Fault struct {
	Path   string
	Times  int
	Answer func(http.ResponseWriter, *http.Request)
	// Before runs before the right answer, if there is no Answer.
	Before func(*http.Request)
	// Change changes the text of the right answer, if there is no Answer.
	Change func(body string) string
}

// Status answers with a status code and the API's error. retryAfter is the header Retry-After; empty means none.
func Status(code int, retryAfter string) Fault {
	return Fault{Answer: func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		writeError(w, code, http.StatusText(code))
	}}
}

// HTML answers with a page for people, as a proxy does.
func HTML(code int) Fault {
	return Fault{Answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = w.Write([]byte("<html><body>Welcome</body></html>"))
	}}
}

// CutOff ends the connection in the middle of the answer.
func CutOff() Fault {
	return Fault{Answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"success": true, "data": [`))
		panic(http.ErrAbortHandler)
	}}
}

// Body answers 200 with that text as JSON.
func Body(body string) Fault {
	return Fault{Answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}}
}

// Huge answers with a list of that many bytes.
func Huge(bytes int) Fault {
	return Body(`{"success": true, "data": ["` + strings.Repeat("a", bytes) + `"], "pagination": {"totalRecords": 1, "currentOffset": 1, "offsetCount": 1}}`)
}

// Redirect answers with a redirect.
func Redirect(location string) Fault {
	return Fault{Answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, location, http.StatusFound) }}
}

// Hang answers only when the client gives up, or after a minute.
func Hang() Fault {
	return Fault{Answer: func(_ http.ResponseWriter, r *http.Request) { clock.Sleep(r.Context(), time.Minute) }}
}

// Slow answers rightly after a while.
func Slow(delay time.Duration) Fault {
	return Fault{Before: func(r *http.Request) { clock.Sleep(r.Context(), delay) }}
}

// Drop closes the connection without an answer.
func Drop() Fault {
	return Fault{Answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
}

// WrongTotal claims another number of rows and of pages.
func WrongTotal(total int) Fault {
	return Fault{Change: func(body string) string {
		at := strings.LastIndex(body, `"pagination":`)
		if at < 0 {
			return body
		}
		claim := strconv.Itoa(total)
		return body[:at] + `"pagination":{"totalRecords":` + claim + `,"offsetCount":` + claim + `}}`
	}}
}

// next returns the fault that the request gets, or nil.
func (f *Fake) next(path string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.faults {
		if !strings.HasPrefix(path, fault.Path) {
			continue
		}
		if fault.Times == 1 {
			f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
		} else if fault.Times > 1 {
			fault.Times--
		}
		return fault
	}
	return nil
}

// Inject adds a fault, and returns a function that removes it. Of several faults for one path the oldest comes first.
func (f *Fake) Inject(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(other *Fault) bool { return other == &fault })
	}
}

// Heal removes all faults.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}
