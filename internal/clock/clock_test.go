package clock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepPausesUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !Sleep(t.Context(), time.Second) || time.Since(start) != time.Second {
			t.Errorf("paused for %v, want 1s", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if Sleep(ctx, time.Hour) || time.Since(start) != time.Second {
			t.Errorf("paused for %v although the context ended after 1s", time.Since(start))
		}
	})
}

func TestLatest(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, got := range []time.Time{Latest(early, late), Latest(late, early), Latest(late, late)} {
		if !got.Equal(late) {
			t.Errorf("got %v, want %v", got, late)
		}
	}
}
