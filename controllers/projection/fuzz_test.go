package projection

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// FuzzFold creates histories from arbitrary bytes. It checks laws 1 and 2 on them, and the laws of the oracle.
func FuzzFold(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		kind := rapid.SampledFrom([]record.Kind{record.MediaAsset, record.LiveStream}).Draw(t, "kind")
		records := history(t, kind, rapid.SampledFrom([]bounds{within, brim}).Draw(t, "bounds"))
		checkOracle(t, kind, checkSetLaws(t, kind, records), records)
	}))
}

// FuzzRecord folds every record that record.Decode accepts, as a stolen receiver identity could write it, before and after another
// record: it must not panic, the status must be storable, and folding again must change nothing. The order must not matter either, as
// long as no list exceeds its bound. The corpus holds the receiver's records of the samples.
func FuzzRecord(f *testing.F) {
	samples := sampleRecords(f)
	for i, text := range samples {
		f.Add(text, samples[(i+1)%len(samples)])
	}
	f.Add(`{"v":1,"id":"e","type":"video.live_stream.simulcast_target.deleted","untimed":true,"time":"0001-01-01T00:00:00.000000Z","received":"2026-03-01T12:00:00.000000Z",`+
		`"ns":"n","ep":"e","uid":"u","changes":[{"kind":"LiveStream","id":"0a1b2c3d","stream":{"simulcastTargets":{"remove":["a]","-b[","a].state"]}}}]}`,
		`{"v":1,"id":"e","type":"video.live_stream.disconnected","time":"9999-12-31T23:59:59.999999-12:00","received":"2026-03-01T12:00:00.000000Z",`+
			`"ns":"n","ep":"e","uid":"u","changes":[{"kind":"LiveStream","id":"0a1b2c3d","stream":{"state":"Idle","reconnectWindow":"2562047h47m16.854775807s"}}]}`)
	f.Fuzz(func(t *testing.T, one, another string) {
		a, errA := record.Decode(one)
		b, errB := record.Decode(another)
		if errA != nil || errB != nil {
			return
		}
		for _, c := range a.Changes {
			// The other record is made to be about the same object.
			b.Changes[0].ID = c.ID
			m := blank(c.Kind)
			m.id = c.ID
			m = m.fold(a, b).settle(epoch)
			if again := m.stored().fold(b).fold(a).settle(epoch); again.json() != m.json() {
				t.Errorf("both again:\ngot  %s\nwant %s", again.json(), m.json())
			}
			if stored := m.stored(); stored.json() != m.json() {
				t.Errorf("read again:\ngot  %s\nwant %s", stored.json(), m.json())
			}
			other := blank(c.Kind)
			other.id = c.ID
			other = other.fold(b).stored().fold(a).settle(epoch)
			if !merge.Truncated(m.provenance()) && !merge.Truncated(other.provenance()) && other.json() != m.json() {
				t.Errorf("in the other order:\ngot  %s\nwant %s", other.json(), m.json())
			}
		}
	})
}

// sampleRecords returns the record of every sample that changes a mirror, from the receiver's golden files.
func sampleRecords(f *testing.F) []string {
	f.Helper()
	paths, err := filepath.Glob("../../internal/event/testdata/golden/*.json")
	if err != nil || len(paths) < 40 {
		f.Fatalf("%d golden files: %v", len(paths), err)
	}
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		r := newRecord("", "")
		if err := json.Unmarshal(text, r); err != nil {
			f.Fatal(err)
		}
		r.Untimed = record.Untimed(r.Time, r.Received)
		if encoded, err := record.Encode(r); err == nil && len(r.Changes) > 0 {
			all = append(all, encoded)
		}
	}
	return all
}
