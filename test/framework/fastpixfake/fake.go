package fastpixfake

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// contentType is what the real API sends.
	contentType = "application/json;charset=UTF-8"
	// maxLimit and defaultLimit are the real API's bounds of a page.
	maxLimit, defaultLimit = 50, 10
	// base is the path before all paths, as in the real URL.
	base = "/v1"
	// The paths of the two kinds of objects.
	mediaPath, streamPath = base + "/on-demand", base + "/live/streams"
)

// Access is one access token of a workspace.
type Access struct{ TokenID, SecretKey string }

// Fake is the API. It is an http.Handler.
type Fake struct {
	mu         sync.Mutex
	workspaces map[Access]*Workspace
	denied     map[Access]bool
	faults     []*Fault
	requests   map[string]int // by kind of path
	mistakes   []string
	now        func() time.Time
}

// New returns an API without workspaces.
func New() *Fake {
	return &Fake{workspaces: map[Access]*Workspace{}, denied: map[Access]bool{}, requests: map[string]int{}, now: time.Now}
}

// AddWorkspace makes a workspace that the access token may read.
func (f *Fake) AddWorkspace(id string, access Access) *Workspace {
	w := &Workspace{ID: id}
	f.Grant(w, access)
	return w
}

// Grant lets another access token read a workspace.
func (f *Fake) Grant(w *Workspace, access Access) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workspaces[access] = w
}

// Revoke makes an access token unknown.
func (f *Fake) Revoke(access Access) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.workspaces, access)
}

// Deny lets an access token be known and read nothing, or takes that back.
func (f *Fake) Deny(access Access, denied bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied[access] = denied
}

// SetClock sets the clock that Date shows.
func (f *Fake) SetClock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
}

// Requests returns the number of requests since the last call, by kind: "media page", "media", "stream page", "stream".
func (f *Fake) Requests() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := maps.Clone(f.requests)
	clear(f.requests)
	return taken
}

// Check returns an error if a client sent a request that no client may send.
func (f *Fake) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mistakes) > 0 {
		return errors.New("requests that no client may send: " + strings.Join(f.mistakes, "; "))
	}
	return nil
}

// Server is an API that listens on an address.
type Server struct {
	*Fake
	listener net.Listener
	server   *http.Server
	scheme   string
}

// Serve listens on a loopback address, such as 127.0.0.1:0. The syncer refuses plain HTTP to other addresses.
func Serve(f *Fake, address string) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the fake API: %w", err)
	}
	return start(f, listener, "http"), nil
}

// ServeTLS listens on an address with TLS.
func ServeTLS(f *Fake, address string, certificate tls.Certificate) (*Server, error) {
	listener, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, fmt.Errorf("listen for the fake API: %w", err)
	}
	return start(f, listener, "https"), nil
}

func start(f *Fake, listener net.Listener, scheme string) *Server {
	s := &Server{Fake: f, listener: listener, server: &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}, scheme: scheme}
	go func() { _ = s.server.Serve(listener) }()
	return s
}

// URL is the API's URL, for --fastpix-api-url.
func (s *Server) URL() string { return s.scheme + "://" + s.listener.Addr().String() + base }

// Close stops listening and ends all connections.
func (s *Server) Close() error { return s.server.Close() }

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	w.Header().Set("Date", f.now().UTC().Format(http.TimeFormat))
	f.mu.Unlock()
	f.count(r)
	if fault := f.next(r.URL.Path); fault != nil {
		if fault.Answer != nil {
			fault.Answer(w, r)
			return
		}
		if fault.Before != nil {
			fault.Before(r)
		}
		if fault.Change != nil {
			changed := &changingWriter{ResponseWriter: w, change: fault.Change}
			f.answer(changed, r)
			return
		}
	}
	f.answer(w, r)
}

// changingWriter changes the text of an answer.
type changingWriter struct {
	http.ResponseWriter
	change func(string) string
}

// Write implements http.ResponseWriter. An answer is written by one call.
func (w *changingWriter) Write(b []byte) (int, error) {
	if _, err := w.ResponseWriter.Write([]byte(w.change(string(b)))); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *Fake) count(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, ok := kindOf(r.URL.Path)
	f.requests[kind]++
	switch {
	case r.Method != http.MethodGet:
		f.mistakes = append(f.mistakes, r.Method+" "+r.URL.Path)
	case !ok:
		f.mistakes = append(f.mistakes, "unknown path "+r.URL.Path)
	case r.Header.Get("Accept") != "application/json":
		f.mistakes = append(f.mistakes, "Accept is "+r.Header.Get("Accept"))
	case r.ContentLength != 0:
		f.mistakes = append(f.mistakes, "a body with "+r.URL.Path)
	}
	f.mistakes = f.mistakes[:min(len(f.mistakes), 20)]
}

func kindOf(path string) (kind string, known bool) {
	switch {
	case path == mediaPath:
		return "media page", true
	case path == streamPath:
		return "stream page", true
	case strings.HasPrefix(path, mediaPath+"/") && strings.Count(path, "/") == 3:
		return "media", true
	case strings.HasPrefix(path, streamPath+"/") && strings.Count(path, "/") == 4:
		return "stream", true
	}
	return "other", false
}

// answer gives the right answer.
func (f *Fake) answer(w http.ResponseWriter, r *http.Request) {
	id, key, _ := r.BasicAuth()
	f.mu.Lock()
	workspace, denied := f.workspaces[Access{id, key}], f.denied[Access{id, key}]
	f.mu.Unlock()
	switch {
	case denied:
		writeError(w, http.StatusForbidden, "forbidden")
		return
	case workspace == nil:
		writeError(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	workspace.mu.Lock()
	defer workspace.mu.Unlock()
	switch kind, _ := kindOf(r.URL.Path); kind {
	case "media page":
		writePage(w, r, &workspace.media)
	case "stream page":
		writePage(w, r, &workspace.streams)
	case "media":
		id := strings.TrimPrefix(r.URL.Path, mediaPath+"/")
		if !record.IsUUID(id) {
			writeError(w, http.StatusUnprocessableEntity, "validation failed")
			return
		}
		writeObject(w, workspace.media.byID[id])
	case "stream":
		writeObject(w, workspace.streams.byID[strings.TrimPrefix(r.URL.Path, streamPath+"/")])
	default:
		writeError(w, http.StatusNotFound, "no such path")
	}
}

// reply is what the API wraps each answer in.
type reply struct {
	Success    bool        `json:"success"`
	Data       any         `json:"data,omitempty"`
	Pagination *pagination `json:"pagination,omitempty"`
	Error      *failure    `json:"error,omitempty"`
}

type pagination struct {
	TotalRecords  int `json:"totalRecords"`
	CurrentOffset int `json:"currentOffset"`
	OffsetCount   int `json:"offsetCount"`
}

type failure struct {
	Code        int    `json:"code"`
	Message     string `json:"message"`
	Description string `json:"description"`
}

func writePage(w http.ResponseWriter, r *http.Request, c *collection) {
	limit, offset, ascending := defaultLimit, 1, false
	for name, values := range r.URL.Query() {
		n, err := strconv.Atoi(values[0])
		switch {
		case name == "orderBy" && slices.Contains([]string{"asc", "desc"}, values[0]):
			ascending = values[0] == "asc"
		case name == "limit" && err == nil && n >= 1 && n <= maxLimit:
			limit = n
		case name == "offset" && err == nil && n >= 1:
			offset = n
		default:
			writeError(w, http.StatusUnprocessableEntity, "validation failed")
			return
		}
	}
	rows, total := c.page(offset, limit, ascending)
	writeJSON(w, http.StatusOK, reply{Success: true, Data: rows, Pagination: &pagination{total, offset, (total + limit - 1) / limit}})
}

func writeObject(w http.ResponseWriter, e *entry) {
	if e == nil {
		writeError(w, http.StatusNotFound, "not found")
		return
	}
	writeJSON(w, http.StatusOK, reply{Success: true, Data: e.text})
}

func writeError(w http.ResponseWriter, code int, message string) {
	writeJSON(w, code, reply{Error: &failure{code, message, message}})
}

func writeJSON(w http.ResponseWriter, code int, value reply) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
