// These tests protect the bounds on the memory of unauthenticated clients: headers of many lines are refused before net/http turns them
// into a map, the budget is kept, and the evicted connections are those with the highest cost.
package connlimit

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve starts a server that reads whole bodies and authenticates requests for /genuine.
func serve(t *testing.T, l *Limiter) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/genuine" {
			Authenticated(r.Context())
		}
		_, _ = fmt.Fprintf(w, "%d %d", len(r.Header), len(body))
	}))
	l.Attach(s.Config)
	s.Listener = l.Listen(s.Listener, nil)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func dial(t *testing.T, s *httptest.Server) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a text, and returns the status codes and bodies of that number of answers, or of those before the end of the connection.
func ask(t *testing.T, c net.Conn, text string, answers int) string {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		return err.Error()
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got []string
	for r := bufio.NewReader(c); len(got) < answers; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			got = append(got, "end")
			break
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %.20s", resp.StatusCode, body)))
	}
	return strings.Join(got, ", ")
}

func headers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "x%d:\r\n", i)
	}
	return b.String()
}

const tooLarge = "431 431 Request Header F"

func TestHeadersAreBoundedInLinesAndBytes(t *testing.T) {
	t.Parallel()
	s := serve(t, New())
	const start, end = "POST / HTTP/1.1\r\nHost: x\r\n", "Content-Length: 0\r\n\r\n"
	lines := "Content-Length: 20000\r\n\r\n" + strings.Repeat("\n", 20000)
	for name, tt := range map[string]struct{ request, want string }{
		"few headers":              {start + headers(20) + end, "200 21 0"},
		"as many as may be":        {start + headers(headerLines-4) + end, "200 125 0"},
		"one too many":             {start + headers(headerLines) + end, tooLarge},
		"very many":                {start + headers(1000) + end, tooLarge},
		"very many that never end": {start + headers(1000), tooLarge},
		"one that is long":         {start + "X: " + strings.Repeat("x", headerBytes) + "\r\n" + end, tooLarge},
		"a body of lines":          {start + lines, "200 1 20000"},
		"a body of lines, again":   {start + "Content-Length: 300\r\n\r\n" + strings.Repeat("\r\n", 150) + start + lines, "200 1 300, 200 1 20000"},
		"very many, later":         {start + end + start + headers(1500), "200 1 0, " + tooLarge},
		"an empty line first":      {"\r\n", "400 400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1 << 20, 4096, 1000, 7} {
				c := &pieces{Conn: dial(t, s), size: size}
				if got := ask(t, c, tt.request, 1+strings.Count(tt.want, ", ")); got != tt.want {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// pieces sends data in pieces.
type pieces struct {
	net.Conn
	size int
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > n && err == nil {
		var m int
		m, err = p.Conn.Write(b[n:min(len(b), n+p.size)])
		n += m
	}
	if err != nil && n > headerBytes { // the server may close before it has read all
		return len(b), nil
	}
	return n, err
}

// TestRequestsArriveAsTheyWereSent protects genuine requests: a body stays the same, however its request is cut into pieces and
// pipelined.
func TestRequestsArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var sent, want strings.Builder
	for range 300 {
		fields, lines := random.IntN(30), random.IntN(400)
		body := strings.Repeat("\r\n", lines) + strings.Repeat("a:\n", random.IntN(300))
		fmt.Fprintf(&sent, "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", headers(fields), len(body), body)
		fmt.Fprintf(&want, "%d\n", len(body))
	}
	for range 20 {
		text, h := sent.String(), header{}
		var got strings.Builder
		conn := &conn{limiter: New()}
		conn.header = h
		r := bufio.NewReaderSize(readerFunc(func(p []byte) (int, error) {
			n := copy(p[:min(len(p), 1+random.IntN(2*bufferBytes))], text)
			text = text[n:]
			if n == 0 {
				return 0, io.EOF
			}
			conn.header.scan(p[:n])
			return n, nil
		}), bufferBytes)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			conn.header.ended = true // as Attach does when net/http has read a header
			body, err := io.ReadAll(req.Body)
			if err != nil || strings.Trim(string(body), "\r\na:") != "" {
				t.Fatalf("a body was changed: %v", err)
			}
			fmt.Fprintln(&got, len(body))
			conn.header.next()
		}
		if got.String() != want.String() {
			t.Fatal("not every request arrived as it was sent")
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// pipe is an accepted connection.
func pipe(t *testing.T, l *Limiter) (*conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	accepted, err := l.Listen(&one{near}, nil).Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := accepted.(*conn)
	t.Cleanup(func() { _, _ = c.Close(), far.Close() })
	return c, far
}

// one is a listener of one connection.
type one struct{ net.Conn }

func (o *one) Accept() (net.Conn, error) { return o.Conn, nil }
func (o *one) Addr() net.Addr            { return o.LocalAddr() }

// isCut reports whether a connection was evicted.
func isCut(c *conn) bool {
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	_, err := c.raw.Read(make([]byte, 1))
	return errors.Is(err, io.ErrClosedPipe)
}

func TestConnectionWithTheHighestCostIsEvicted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewWithBudgets(4*plainPrice, 2*plainPrice)
		first, _ := pipe(t, l)
		time.Sleep(time.Second)
		fat, far := pipe(t, l)
		go func() { _, _ = far.Write(make([]byte, plainPrice/bytePrice)) }()
		if _, err := fat.Read(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		third, _ := pipe(t, l)
		if isCut(first) || isCut(fat) || isCut(third) {
			t.Error("a connection was evicted within the budget")
		}
		fourth, _ := pipe(t, l)
		if isCut(first) || !isCut(fat) || isCut(fourth) {
			t.Error("the one of twice the charge and two thirds of the age should have been evicted")
		}
		time.Sleep(time.Second)
		for range 2 {
			pipe(t, l)
		}
		if !isCut(first) || isCut(third) || isCut(fourth) {
			t.Error("the one that has waited longest should have been evicted")
		}
	})
}

// TestDelayOfTheProcessIsNotChargedToTheClient protects genuine clients when the process is short of CPU: a client that has sent its
// whole request is evicted after one that has not.
func TestDelayOfTheProcessIsNotChargedToTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewWithBudgets(2*plainPrice, 0)
		served, _ := pipe(t, l)
		time.Sleep(time.Second)
		silent, _ := pipe(t, l)
		go func() { _, _ = silent.Read(make([]byte, 1)) }()
		time.Sleep(time.Second)
		newest, _ := pipe(t, l)
		if isCut(served) || !isCut(silent) || isCut(newest) {
			t.Error("the silent client should have been evicted")
		}
	})
}

func TestAuthenticatedConnectionsHaveABudgetOfTheirOwn(t *testing.T) {
	t.Parallel()
	l := NewWithBudgets(5*plainPrice, 2*plainPrice+2000)
	s := serve(t, l)
	const request = "GET /genuine HTTP/1.1\r\nHost: x\r\n\r\n"
	genuine := dial(t, s)
	if got := ask(t, genuine, request, 1); got != "200 0 0" {
		t.Fatal(got)
	}
	for range 50 {
		_ = dial(t, s)
	}
	waitFor(t, "the flood evicts itself", func() bool { return l.count() == [2]int{5, 1} })
	if got := ask(t, genuine, request, 1); got != "200 0 0" {
		t.Errorf("the authenticated connection was evicted by others: %s", got)
	}
	time.Sleep(time.Second) // so that the flood has waited longer than a client that a busy machine keeps from sending
	for range 3 {
		if got := ask(t, dial(t, s), request, 1); got != "200 0 0" {
			t.Error(got)
		}
	}
	waitFor(t, "idle connections are bounded, too", func() bool { return l.count()[1] == 2 })
	s.CloseClientConnections()
	waitFor(t, "nothing is charged for what is closed", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.unauthenticated.charged == 0 && l.idle.charged == 0
	})
}

// count returns the number of waiting connections.
func (l *Limiter) count() [2]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return [2]int{len(l.unauthenticated.waiting), len(l.idle.waiting)}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestReadAheadIsCharged protects the budget of idle connections: net/http may read the header of a pipelined request before it answers
// the request before.
func TestReadAheadIsCharged(t *testing.T) {
	t.Parallel()
	l := New()
	s := serve(t, l)
	c := dial(t, s)
	const request = "GET /genuine HTTP/1.1\r\nHost: x\r\n\r\n"
	if got := ask(t, c, request+"GET / HTTP/1.1\r\n"+headers(300), 1); got != "200 0 0" {
		t.Fatal(got)
	}
	waitFor(t, "300 lines are charged for", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.idle.charged > plainPrice+300*linePrice
	})
	if got := ask(t, dial(t, s), strings.Repeat(request, 300), 300); strings.Contains(got, "end") {
		t.Fatal(got)
	}
	waitFor(t, "no more is charged than a buffer can hold", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		const buffers = 2 * bufferBytes
		return len(l.idle.waiting) == 2 && l.idle.charged < 2*plainPrice+300*linePrice+buffers*linePrice/int64(len(request)/3)
	})
}

// TestEvictionDoesNotWait protects the loop that accepts connections: an eviction must not wait for a client that does not read the end
// of its TLS connection.
func TestEvictionDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // holds nothing: who writes waits for who reads
		defer far.Close()
		c := newConn(New(), near, &tls.Config{})
		start := time.Now()
		closeEvicted([]*conn{c})
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, with a client that does not read", took)
		}
	})
}

func TestContextsOfOtherServersAreLeftAlone(t *testing.T) {
	t.Parallel()
	Authenticated(context.WithValue(t.Context(), contextKey{}, nil))
}
