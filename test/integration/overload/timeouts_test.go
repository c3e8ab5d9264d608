package overload

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// slowClient is a client that makes the receiver wait.
type slowClient struct {
	begin string // what it sends at once, where PATH is the endpoint's
	drip  string // what it sends again and again, slowly
	end   bool   // it closes its side then

	protocol string // by TLS, if it is said
	want     string // the status codes of the answers, before the connection is closed
	after    time.Duration
}

// TestSlowClientsAreCutOff protects the timeouts of the receiver for what it reads, all at once: it closes the connection of each client when the timeout
// is over, not before and not much later, and serves others meanwhile.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel() // it waits most of the time
	const header, whole = 5 * time.Second, 10 * time.Second
	const slack = 4 * time.Second // for a busy machine
	e := framework.NewEndpoint(t)
	plain, secure := framework.StartReceiver(t, "plain"), framework.StartReceiver(t, "tls")
	const body = " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
	var wg sync.WaitGroup
	for name, w := range map[string]slowClient{
		"silent":                      {after: header},
		"silent, by TLS":              {protocol: "http/1.1", after: header},
		"slow header":                 {begin: "POST PATH HTTP/1.1\r\nHost: x\r\nX: ", drip: "x", after: header},
		"slow header, by TLS":         {begin: "POST PATH HTTP/1.1\r\nHost: x\r\nX: ", drip: "x", protocol: "http/1.1", after: header},
		"slow body":                   {begin: "POST PATH" + body, drip: " ", want: "503", after: whole},
		"slow body, by TLS":           {begin: "POST PATH" + body, drip: " ", protocol: "http/1.1", want: "503", after: whole},
		"slow chunks":                 {begin: "POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", drip: "1\r\n \r\n", want: "503", after: whole},
		"slow body, no endpoint":      {begin: "POST /nowhere" + body, drip: " ", want: "404", after: whole},
		"slow body of no POST":        {begin: "GET PATH" + body, drip: " ", want: "405", after: whole},
		"body that waits for a 100":   {begin: "POST PATH HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", want: "100 503", after: whole},
		"half a header, then its end": {begin: "POST PATH HTTP/1.1\r\nHost: x\r\n", end: true, want: "400", after: 0},
		"half a body, then its end":   {begin: "POST PATH" + body, end: true, want: "503", after: 0},
	} {
		r := plain
		if w.protocol != "" {
			r = secure
		}
		wg.Go(func() {
			answers, took, err := w.wait(t.Context(), r, e)
			if err != nil || answers != w.want || took < w.after || took > w.after+slack {
				t.Errorf("%s: answered %q and cut off after %v (%v), want %q and %v", name, answers, took, err, w.want, w.after)
			}
		})
	}
	for _, r := range []*framework.Receiver{plain, secure} {
		if got := r.DeliverFor(t.Context(), e, whole); len(got.Answers) != 1 || got.Answers[http.StatusOK] == 0 {
			t.Errorf("meanwhile valid deliveries are answered %v", got.Answers)
		}
	}
	wg.Wait()
}

// wait returns what the client is answered, and how long it took until it was cut off.
func (w slowClient) wait(ctx context.Context, r *framework.Receiver, e framework.Endpoint) (answers string, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := time.Now() // the receiver's time begins later, with the connection
	conn, err := r.Dial(ctx, w.protocol)
	if err != nil {
		return "", 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, strings.ReplaceAll(w.begin, "PATH", e.Path())); err != nil {
		return "", time.Since(start), err
	}
	if half, ok := conn.(*net.TCPConn); ok && w.end {
		_ = half.CloseWrite()
	}
	go w.trickle(ctx, conn)
	answers, err = framework.ReadAnswers(bufio.NewReader(conn))
	return answers, time.Since(start), errors.Join(err, ctx.Err())
}

// trickle sends the drip slowly until the client is cut off.
func (w slowClient) trickle(ctx context.Context, conn net.Conn) {
	for w.drip != "" {
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
		if _, err := io.WriteString(conn, w.drip); err != nil {
			return
		}
	}
}

// TestClientsThatDoNotReadAreCutOff protects the receiver from clients that let their answers pile up: it gives up a connection to which it could not
// write an answer in time. What a client gets when it reads at last shows whether it did: all answers, or the first ones and the end. While it does not
// read, the system may not tell it of the end.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	t.Parallel()            // it waits most of the time
	const requests = 50_000 // more than any buffer holds the answers to
	const timeout = 15 * time.Second
	r := framework.StartReceiver(t, "plain")
	read := func(pause time.Duration) (answers int, err error) {
		conn, err := r.Dial(t.Context(), "")
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", requests)) }()
		time.Sleep(pause)
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		lines := bufio.NewScanner(conn)
		for answers < requests && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "HTTP/1.1 405 ") {
				answers++
			}
		}
		return answers, lines.Err()
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if answers, err := read(timeout / 2); answers != requests || err != nil {
			t.Errorf("a client that reads in time gets %d answers (%v), want %d", answers, err, requests)
		}
	})
	wg.Go(func() {
		answers, err := read(timeout + 10*time.Second)
		t.Logf("a client that reads too late gets %d answers of %d (%v)", answers, requests, err)
		if answers == 0 || answers == requests || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a client that reads too late gets %d answers (%v), want the first of them and the end", answers, err)
		}
	})
	wg.Wait()
}
