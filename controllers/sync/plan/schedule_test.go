package plan

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// These tests protect when a run starts: a run that is asked for is not late, and a run that fails does not flood FastPix.

// TestNextRun checks each reason for a run, and which reason counts if there are several.
func TestNextRun(t *testing.T) {
	t.Parallel()
	complete := Schedule{Completed: ago(10 * time.Minute), Interval: time.Hour, Random: 0.5}
	with := func(change func(*Schedule)) Schedule {
		s := complete
		change(&s)
		return s
	}
	failed := func(s *Schedule) { s.Failures, s.FailedAt, s.Random = 3, ago(time.Second), 0 }
	for name, tc := range map[string]struct {
		schedule Schedule
		want     time.Duration // from now
	}{
		"after the interval":                {complete, 50 * time.Minute},
		"after a shorter interval":          {with(func(s *Schedule) { s.Interval = 15 * time.Minute }), 5 * time.Minute},
		"earlier at random":                 {with(func(s *Schedule) { s.Random = 0 }), 44 * time.Minute},
		"later at random":                   {with(func(s *Schedule) { s.Random = 1 }), 56 * time.Minute},
		"overdue":                           {with(func(s *Schedule) { s.Completed = ago(3 * time.Hour) }), -2 * time.Hour},
		"never complete":                    {with(func(s *Schedule) { s.Completed = time.Time{} }), 0},
		"changed":                           {with(func(s *Schedule) { s.Changed = true }), 0},
		"requested":                         {with(func(s *Schedule) { s.Requested = true }), 0},
		"recovered":                         {with(func(s *Schedule) { s.Recovered = true }), 0},
		"failed":                            {with(failed), 19 * time.Second},
		"failed, and overdue":               {with(func(s *Schedule) { failed(s); s.Completed = ago(3 * time.Hour) }), 19 * time.Second},
		"failed, and never complete":        {with(func(s *Schedule) { failed(s); s.Completed = time.Time{} }), 19 * time.Second},
		"failed, then changed":              {with(func(s *Schedule) { failed(s); s.Changed = true }), 0},
		"failed, then requested":            {with(func(s *Schedule) { failed(s); s.Requested = true }), 0},
		"recovered, and failed since":       {with(func(s *Schedule) { failed(s); s.Recovered = true }), 19 * time.Second},
		"failed so long ago that it is due": {with(func(s *Schedule) { failed(s); s.FailedAt = ago(time.Minute) }), -40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.schedule.Next(now).Sub(now); got != tc.want {
				t.Errorf("the next run starts in %s, want %s", got, tc.want)
			}
		})
	}
}

// TestNextRunIsWithinATenthOfTheInterval protects FastPix from runs that many endpoints start at the same time, and users from an interval that is
// not the one they set.
func TestNextRunIsWithinATenthOfTheInterval(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{
			Completed: ago(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "ago"))),
			Interval:  time.Duration(rapid.Int64Range(int64(5*time.Minute), int64(168*time.Hour)).Draw(t, "interval")),
			Random:    rapid.Float64Range(0, 1).Draw(t, "random"),
		}
		wait := s.Next(now).Sub(s.Completed)
		if wait < s.Interval/10*9 || wait > s.Interval/10*11+time.Microsecond {
			t.Fatalf("the run starts %s after the last one", wait)
		}
		later := s
		later.Random = rapid.Float64Range(s.Random, 1).Draw(t, "larger random")
		if later.Next(now).Before(s.Next(now)) {
			t.Fatal("a larger random number starts the run earlier")
		}
	})
}

// TestBackoffDoubles protects FastPix from an operator that asks again and again, and users from one that stops asking.
func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 7: 320 * time.Second, 8: 640 * time.Second,
		9: 15 * time.Minute, 15: 15 * time.Minute, 16: 15 * time.Minute, 64: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		if got := Backoff(failures, 0); got != want {
			t.Errorf("the pause after %d failures is %s, want %s", failures, got, want)
		}
		if got := Backoff(failures, 1); got != want/2 {
			t.Errorf("the shortest pause after %d failures is %s, want %s", failures, got, want/2)
		}
	}
}

// TestBackoffIsBounded checks the bounds for every number of failures: a shift that is too large must not make a pause of nothing.
func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 1<<62)).Draw(t, "failures")
		random := rapid.Float64Range(0, 1).Draw(t, "random")
		pause := Backoff(failures, random)
		if pause < firstBackoff/2 || pause > maxBackoff {
			t.Fatalf("the pause is %s", pause)
		}
		if next := Backoff(failures+1, random); next < pause {
			t.Fatalf("one more failure makes the pause shorter: %s, then %s", pause, next)
		}
		if shorter := Backoff(failures, rapid.Float64Range(random, 1).Draw(t, "larger random")); shorter > pause {
			t.Fatalf("a larger random number makes the pause longer: %s, then %s", pause, shorter)
		}
	})
}
