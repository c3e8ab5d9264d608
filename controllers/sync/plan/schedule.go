package plan

import (
	"time"
)

// DefaultInterval is the default of spec.sync.interval.
const DefaultInterval = time.Hour

const (
	// intervalJitter is the part of the interval by which a run may start earlier or later.
	intervalJitter = 0.1
	// firstBackoff and maxBackoff bound the pause after a failure.
	firstBackoff = 5 * time.Second
	maxBackoff   = 15 * time.Minute
)

// Schedule is what the time of an endpoint's next run depends on.
type Schedule struct {
	// Changed says that sync was configured or changed after the last run started.
	Changed bool
	// Requested says that a run was requested that has not ended.
	Requested bool
	// Recovered says that the endpoint became ready again after a minute or more.
	Recovered bool
	// Failures counts the runs that failed since the last one that did not, and FailedAt is when the last of them ended.
	Failures int
	FailedAt time.Time
	// Completed is when the last complete run ended; zero if there was none.
	Completed time.Time
	// Interval is the time between complete runs.
	Interval time.Duration
	// Random is a number from 0 to 1 that stays the same until a run starts.
	Random float64
}

// Next returns when the next run starts: now or earlier if it starts at once.
func (s Schedule) Next(now time.Time) time.Time {
	switch {
	case s.Changed || s.Requested:
		return now
	case s.Failures > 0:
		return s.FailedAt.Add(Backoff(s.Failures, s.Random))
	case s.Recovered || s.Completed.IsZero():
		return now
	}
	return s.Completed.Add(jitter(s.Interval, s.Random))
}

// jitter returns a duration that differs by at most a tenth.
func jitter(d time.Duration, random float64) time.Duration {
	return time.Duration(float64(d) * (1 - intervalJitter + 2*intervalJitter*random))
}

// Backoff returns the pause after so many failures in a row: it doubles up to 15 minutes, and is at most halved at random.
func Backoff(failures int, random float64) time.Duration {
	pause := maxBackoff
	if failures < 16 {
		pause = min(firstBackoff<<max(failures-1, 0), maxBackoff)
	}
	return pause - time.Duration(random*float64(pause)/2)
}
