package plan

import (
	"flag"
	"os"
	"testing"
	"time"
)

// now is the present of all tests.
var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// ago returns a time before now.
func ago(d time.Duration) time.Time { return now.Add(-d) }

// TestMain makes every property look at 2,000 cases, unless -rapid.checks sets another number. A failure prints its seed and writes no file.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}
