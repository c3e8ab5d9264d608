package plan

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect when a single object is asked for between two runs: soon enough for those who wait for it, and so rarely that many do not
// take the requests of the runs.

func TestDue(t *testing.T) {
	t.Parallel()
	media := func(state string, heard, asked time.Duration, questions int) Silent {
		s := Silent{Kind: record.MediaAsset, State: state, Heard: ago(heard), Questions: questions}
		if questions > 0 {
			s.Asked = ago(asked)
		}
		return s
	}
	stream := func(state string, heard, asked time.Duration, questions int) Silent {
		s := media(state, heard, asked, questions)
		s.Kind = record.LiveStream
		return s
	}
	const h, m = time.Hour, time.Minute
	for name, tc := range map[string]struct {
		silent Silent
		want   time.Duration // from now
	}{
		"a media in work":                               {media("Processing", m, 0, 0), 9 * m},
		"a media in a state of tomorrow":                {media("Transcoding", m, 0, 0), 9 * m},
		"a media that was created":                      {media(record.StateCreated, m, 0, 0), 9 * m},
		"a media that has been silent":                  {media("Processing", h, 0, 0), -50 * m},
		"a media that was asked for once":               {media("Processing", h, m, 1), 19 * m},
		"a media that was asked for twice":              {media("Processing", h, m, 2), 39 * m},
		"a media that was asked for five times":         {media("Processing", 24*h, m, 5), 319 * m},
		"a media that was asked for six times":          {media("Processing", 24*h, m, 6), 6*h - m},
		"a media that was asked for often":              {media("Processing", 99*h, m, 1000), 6*h - m},
		"a media that was heard after it was asked for": {media("Processing", m, h, 1), 19 * m},
		"a stream on air":                               {stream(record.StateActive, m, 0, 0), 14 * m},
		"a stream that prepares":                        {stream(record.StatePreparing, m, 0, 0), 14 * m},
		"a stream on air that was asked for":            {stream(record.StateActive, h, m, 1), 14 * m},
		"a stream on air that was asked for often":      {stream(record.StateActive, 99*h, m, 1000), 14 * m},
		"a stream that was heard after that":            {stream(record.StateActive, m, h, 7), 14 * m},
		"a stub of a media that was asked for":          {media("", h, m, 1), 9 * m},
		"a stub that was asked for twice":               {media("", h, m, 2), 19 * m},
		"a stub that was asked for often":               {media("", h, m, 1000), 6*h - m},
		"a stub of a stream that was asked for":         {stream("", h, m, 1), 9 * m},
		"a stub of a stream that was asked for twice":   {stream("", h, m, 2), 19 * m},
		"a stub that was heard after that":              {media("", 0, m, 1), 9 * m},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, ok := tc.silent.Due()
			if !ok || at.Sub(now) != tc.want {
				t.Errorf("asked for: %v, in %s; want in %s", ok, at.Sub(now), tc.want)
			}
		})
	}
}

// TestStubsAreAskedForAtOnce protects those who apply a mirror and wait for it: the first question does not wait.
func TestStubsAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		if at, ok := (Silent{Kind: kind, Heard: now}).Due(); !ok || at.After(now) {
			t.Errorf("a %s that was not seen: asked for %v at %s", kind, ok, at)
		}
	}
}

// TestWhatIsOverIsNotAskedFor protects FastPix from questions about the many objects whose next change only a run or a webhook tells.
func TestWhatIsOverIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for kind, states := range map[record.Kind][]string{
		record.MediaAsset: {record.StateReady, record.StateFailed, record.StateCancelled, record.StateDeleted},
		record.LiveStream: {record.StateIdle, record.StateConnected, record.StateDisconnected, record.StateDisabled, record.StateDeleted, "A word of tomorrow"},
	} {
		for _, state := range states {
			for _, questions := range []int{0, 3} {
				if at, ok := (Silent{Kind: kind, State: state, Heard: ago(99 * time.Hour), Questions: questions}).Due(); ok {
					t.Errorf("a %s in state %s is asked for at %s", kind, state, at)
				}
			}
		}
	}
}

// TestQuestionsBecomeRarer checks the bounds of the pause for every number of questions: it never shrinks, and never is longer than six hours.
func TestQuestionsBecomeRarer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Silent{
			Kind:      rapid.SampledFrom([]record.Kind{record.MediaAsset, record.LiveStream}).Draw(t, "kind"),
			State:     rapid.SampledFrom([]string{"", record.StateCreated, record.StateActive, record.StatePreparing}).Draw(t, "state"),
			Heard:     ago(100 * time.Hour),
			Asked:     ago(time.Duration(rapid.Int64Range(0, int64(99*time.Hour)).Draw(t, "asked"))),
			Questions: rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(1, 1<<62)).Draw(t, "questions"),
		}
		at, ok := s.Due()
		if !ok {
			if s.Kind != record.LiveStream || s.State != record.StateCreated {
				t.Fatal("it is not asked for")
			}
			return
		}
		pause := at.Sub(s.Asked)
		if pause < mediaSilence || pause > maxSilence {
			t.Fatalf("it is asked for %s after the last question", pause)
		}
		s.Questions++
		if next, _ := s.Due(); next.Before(at) {
			t.Fatalf("one more question makes the pause shorter: %s, then %s", at, next)
		}
	})
}
