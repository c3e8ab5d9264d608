package sender

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// giveUp is how long one delivery is tried again before the burst fails.
const giveUp = time.Minute

// Result is what a burst looked like from outside.
type Result struct {
	First, Last time.Time // first byte sent, last acknowledgement received
	Latencies   []time.Duration
	Retries     int64
	Sent        []time.Time // when each request was sent for the first time
}

// sender posts prepared requests over kept-alive connections, each as soon as the one before was answered. It speaks HTTP/1.1
// itself: the machine's cores belong to what is measured, and net/http's client would take a third of one.
type sender struct {
	address  string
	requests [][]byte
	pause    time.Duration // between the beginnings of two requests; 0 means that each is sent as soon as a connection is free
	start    time.Time
	sent     []time.Time // by request
	next     atomic.Int64
	retries  atomic.Int64
}

// Send sends every request over so many connections and returns when the last is acknowledged. Connections are made before the
// clock starts. A 5xx is sent again, as FastPix does; every other answer but 200 is an error.
func Send(ctx context.Context, url string, requests [][]byte, connections int) (Result, error) {
	return SendPaced(ctx, url, requests, connections, 0)
}

// SendPaced is Send with a pause between the beginnings of two requests.
func SendPaced(ctx context.Context, url string, requests [][]byte, connections int, pause time.Duration) (Result, error) {
	s := &sender{address: strings.TrimPrefix(url, "http://"), requests: requests, pause: pause, sent: make([]time.Time, len(requests))}
	lines := make([]*connection, min(connections, len(requests)))
	for i := range lines {
		l, err := s.dial(ctx)
		if err != nil {
			return Result{}, err
		}
		defer l.Close()
		lines[i] = l
	}
	errs := make([]error, len(lines))
	var wg sync.WaitGroup
	s.start = time.Now()
	result := Result{First: s.start, Sent: s.sent}
	for i, l := range lines {
		wg.Go(func() { errs[i] = s.run(ctx, l) })
	}
	wg.Wait()
	result.Last = time.Now()
	result.Retries = s.retries.Load()
	for _, l := range lines {
		result.Latencies = append(result.Latencies, l.latencies...)
	}
	return result, errors.Join(errs...)
}

// connection is one connection.
type connection struct {
	net.Conn
	reader    *bufio.Reader
	latencies []time.Duration
}

func (s *sender) dial(ctx context.Context) (*connection, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 1024)}, nil
}

func (s *sender) run(ctx context.Context, l *connection) error {
	for ctx.Err() == nil {
		i := int(s.next.Add(1)) - 1
		if i >= len(s.requests) {
			return nil
		}
		if s.pause > 0 {
			clock.Sleep(ctx, time.Until(s.start.Add(time.Duration(i)*s.pause)))
		}
		s.sent[i] = time.Now()
		if err := s.deliver(ctx, l, s.requests[i]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// deliver sends one request until it is acknowledged. The latency is that of the attempt that was.
func (s *sender) deliver(ctx context.Context, l *connection, request []byte) error {
	for deadline := time.Now().Add(giveUp); ; {
		start := time.Now()
		status, wait, err := l.post(request)
		switch {
		case err != nil:
			return fmt.Errorf("post an event: %w", err)
		case status == http.StatusOK:
			l.latencies = append(l.latencies, time.Since(start))
			return nil
		case status < 500 || time.Now().After(deadline):
			return fmt.Errorf("post an event: the receiver answers %d", status)
		}
		s.retries.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// post sends a request and returns the answer's status, and how long to wait before it is sent again.
func (l *connection) post(request []byte) (status int, wait time.Duration, err error) {
	if err := l.SetDeadline(time.Now().Add(giveUp)); err != nil {
		return 0, 0, err
	}
	if _, err := l.Write(request); err != nil {
		return 0, 0, err
	}
	answer, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, 0, err
	}
	if answer.Close {
		return 0, 0, errors.New("the receiver closes the connection")
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return answer.StatusCode, max(100*time.Millisecond, time.Duration(seconds)*time.Second), nil
}
