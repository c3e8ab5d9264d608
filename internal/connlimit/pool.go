package connlimit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pool is a set of waiting connections with a common budget. The limiter's mutex guards it.
type pool struct {
	budget, charged int64
	waiting         []*conn
	gauge           prometheus.Gauge
}

// waitState is the state of a connection in a pool. The zero value means that the connection is in no pool.
type waitState struct {
	pool    *pool
	index   int // in pool.waiting
	since   time.Time
	charged int64
	// reading is the start of the read that waits for the client now; zero if no read waits. waited is the duration of earlier reads.
	reading time.Time
	waited  time.Duration
}

// join adds a connection to a pool.
func (c *conn) join(p *pool) {
	c.wait = waitState{pool: p, index: len(p.waiting), since: time.Now()}
	p.waiting = append(p.waiting, c)
}

// leave removes a connection from its pool, if it is in one.
func (c *conn) leave() {
	p := c.wait.pool
	if p == nil {
		return
	}
	p.add(-c.wait.charged)
	last := len(p.waiting) - 1
	moved := p.waiting[last]
	p.waiting[c.wait.index], p.waiting[last] = moved, nil
	moved.wait.index = c.wait.index
	p.waiting = p.waiting[:last]
	c.wait = waitState{}
}

// charge updates the charge of a connection in a pool. If the charges exceed the pool's budget, it removes connections, perhaps this one, and returns
// them. The caller closes them after it has unlocked the limiter.
func (c *conn) charge() (evicted []*conn) {
	p := c.wait.pool
	if p == nil {
		return nil
	}
	held := c.price + c.request.cost() + c.ahead.cost()
	p.add(held - c.wait.charged)
	c.wait.charged = held
	for p.charged > p.budget && len(p.waiting) > 0 {
		worst := p.worst(time.Now())
		worst.leave()
		evicted = append(evicted, worst)
	}
	return evicted
}

func (p *pool) add(n int64) {
	p.charged += n
	p.gauge.Add(float64(n))
}

// worst returns the connection with the largest product of charge and delay.
func (p *pool) worst(now time.Time) *conn {
	var worst *conn
	most := -1.0
	for _, c := range p.waiting {
		if product := float64(c.wait.charged) * float64(c.wait.delay(now)); product > most {
			worst, most = c, product
		}
	}
	return worst
}

// ownShare is the divisor of a delay that the process itself causes. When the process is short of CPU, a client that has sent its whole request is
// evicted after a client that has not.
const ownShare = 8

// delay returns how long the client has let the process wait, plus a share of all other time since the connection joined the pool.
func (p *waitState) delay(now time.Time) time.Duration {
	waited := p.waited
	if !p.reading.IsZero() {
		waited += now.Sub(p.reading)
	}
	return waited + (now.Sub(p.since)-waited)/ownShare
}

// reading records that a read begins or ends.
func (c *conn) reading(begins bool) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	now := time.Now()
	if !c.wait.reading.IsZero() {
		c.wait.waited += now.Sub(c.wait.reading)
		c.wait.reading = time.Time{}
	}
	if begins {
		c.wait.reading = now
	}
}

// closeEvicted closes evicted connections. It closes the connection below TLS, because TLS would wait for a client that reads nothing.
func closeEvicted(evicted []*conn) {
	for _, c := range evicted {
		evictions.Inc()
		_ = c.raw.Close()
	}
}
