package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

const (
	// workers deliver at once to each tenant. Some wait for a receiver that is cut off at any time.
	workers  = 32
	minRetry = 50 * time.Millisecond
	maxRetry = time.Second
	// A sender gives up on an answer after a time between these: sometimes before the receiver does, so that what was
	// committed is delivered again.
	minTimeout = 2 * time.Second
	maxTimeout = 6 * time.Second
)

// sender delivers at least once: until some receiver answers 2xx.
type sender struct {
	env    *testEnv
	oracle *oracle.Oracle
	client *http.Client
	next   atomic.Uint64

	mu      sync.Mutex
	answers map[string]int // by status code, or "none"
	last    time.Time      // when the last 2xx came
	silence time.Duration  // the longest time without one
}

func newSender(r *testEnv, o *oracle.Oracle) *sender {
	return &sender{
		env: r, oracle: o, answers: map[string]int{}, last: time.Now(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: tenantCount * workers}},
	}
}

// work delivers events until there are no more.
func (s *sender) work(ctx context.Context, queue <-chan *workload.Event) {
	for e := range queue {
		if s.deliver(ctx, e) != nil {
			return
		}
	}
}

// deliver delivers an event until it is acknowledged. The error is that the context has ended.
func (s *sender) deliver(ctx context.Context, e *workload.Event) error {
	for wait := minRetry; !s.attempt(ctx, e); wait = min(2*wait, maxRetry) {
		if !clock.Sleep(ctx, wait/2+rand.N(wait)) {
			return ctx.Err()
		}
	}
	s.oracle.Record(e)
	return nil
}

// attempt delivers an event once, and reports whether it was acknowledged.
func (s *sender) attempt(ctx context.Context, e *workload.Event) bool {
	m := s.receiver()
	if m == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, minTimeout+rand.N(maxTimeout-minTimeout))
	defer cancel()
	code, err := s.post(ctx, m, e)
	if err != nil {
		s.count("none")
		return false
	}
	s.count(strconv.Itoa(code))
	switch {
	case code >= 200 && code < 300:
		return true
	case code == http.StatusServiceUnavailable:
	case code == http.StatusNotFound && e.Tenant.WasDeleted.Load():
	default:
		s.env.fail("%s answered %d to a genuine event, after which a sender gives up", m.Name, code)
	}
	return false
}

// receiver returns the next receiver that runs; nil if none does.
func (s *sender) receiver() *operatorProcess {
	all := s.env.receivers()
	for range all {
		if m := all[s.next.Add(1)%uint64(len(all))]; m.up.Load() {
			return m
		}
	}
	return nil
}

func (s *sender) post(ctx context.Context, m *operatorProcess, e *workload.Event) (int, error) {
	url := "http://" + m.front.Address() + e.Tenant.Path()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(controlplane.SignatureHeader, e.Signature)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil // the code is the promise, whatever became of the body
}

func (s *sender) count(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[answer]++
	if answer == "200" {
		now := time.Now()
		s.silence = max(s.silence, now.Sub(s.last))
		s.last = now
	}
}
