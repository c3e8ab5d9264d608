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

// place is where a connection waits. The zero value is nowhere.
type place struct {
	pool    *pool
	index   int // in pool.waiting
	since   time.Time
	charged int64
	// reading is when the read began that waits for the client, if one does. waited is how long earlier ones did.
	reading time.Time
	waited  time.Duration
}

// join puts a connection into a pool.
func (c *conn) join(p *pool) {
	c.place = place{pool: p, index: len(p.waiting), since: time.Now()}
	p.waiting = append(p.waiting, c)
}

// leave takes a connection out of its pool, if it is in one.
func (c *conn) leave() {
	p := c.place.pool
	if p == nil {
		return
	}
	p.add(-c.place.charged)
	last := len(p.waiting) - 1
	moved := p.waiting[last]
	p.waiting[c.place.index], p.waiting[last] = moved, nil
	moved.place.index = c.place.index
	p.waiting = p.waiting[:last]
	c.place = place{}
}

// charge charges a connection that waits for what it holds now. It takes out those that have to go if this exceeds the pool's budget, perhaps
// the connection itself; the caller cuts them when it has unlocked the limiter.
func (c *conn) charge() (evicted []*conn) {
	p := c.place.pool
	if p == nil {
		return nil
	}
	held := c.price + c.request.cost() + c.ahead.cost()
	p.add(held - c.place.charged)
	c.place.charged = held
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
		if product := float64(c.place.charged) * float64(c.place.delay(now)); product > most {
			worst, most = c, product
		}
	}
	return worst
}

// ownShare is how much of a delay counts that is the process's own: when it is short of CPU, a client that has sent all that it has to send does
// not go before one that has not.
const ownShare = 8

// delay is how long the client of a connection has let the process wait, and a share of all other time since it came.
func (p *place) delay(now time.Time) time.Duration {
	waited := p.waited
	if !p.reading.IsZero() {
		waited += now.Sub(p.reading)
	}
	return waited + (now.Sub(p.since)-waited)/ownShare
}

// reading notes that a read begins or ends.
func (c *conn) reading(begins bool) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	now := time.Now()
	if !c.place.reading.IsZero() {
		c.place.waited += now.Sub(c.place.reading)
		c.place.reading = time.Time{}
	}
	if begins {
		c.place.reading = now
	}
}

// cut closes evicted connections. It closes what is below TLS, whose farewell would wait for a client that reads nothing.
func cut(evicted []*conn) {
	for _, c := range evicted {
		evictions.Inc()
		_ = c.raw.Close()
	}
}
