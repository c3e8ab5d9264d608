package projection

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/fastpix-operator/fastpix-operator/api/record"
)

// FuzzFold makes histories of arbitrary bytes and checks laws 1 and 2 on them, and the laws that the oracle knows.
func FuzzFold(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		kind := rapid.SampledFrom([]record.Kind{record.MediaAsset, record.LiveStream}).Draw(t, "kind")
		records := history(t, kind, rapid.SampledFrom([]bounds{within, brim}).Draw(t, "bounds"))
		checkOracle(t, kind, checkSetLaws(t, kind, records), records)
	}))
}

// FuzzRecord folds whatever record.Decode lets through, as a stolen receiver identity could write it: no panic, no status
// that the schema would refuse for its size, and folding it again changes nothing.
func FuzzRecord(f *testing.F) {
	for _, r := range readyMedia() {
		f.Add(jsonOf(r))
	}
	f.Add(`{"v":1,"id":"e","type":"video.live_stream.simulcast_target.deleted","untimed":true,"time":"0001-01-01T00:00:00.000000Z","received":"2026-03-01T12:00:00.000000Z",` +
		`"ns":"n","ep":"e","uid":"u","changes":[{"kind":"LiveStream","id":"0a1b2c3d","stream":{"simulcastTargets":{"remove":["a]","-b[","a].state"]}}}]}`)
	f.Add(`{"v":1,"id":"e","type":"video.live_stream.disconnected","time":"9999-12-31T23:59:59.999999-12:00","received":"2026-03-01T12:00:00.000000Z",` +
		`"ns":"n","ep":"e","uid":"u","changes":[{"kind":"LiveStream","id":"0a1b2c3d","stream":{"state":"Idle","reconnectWindow":"2562047h47m16.854775807s"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := record.Decode(text)
		if err != nil {
			return
		}
		for _, c := range r.Changes {
			m := blank(c.Kind)
			m.id = c.ID
			m = m.fold(r).settle(epoch)
			if again := m.stored().fold(r).settle(epoch); again.json() != m.json() {
				t.Errorf("a record again:\ngot  %s\nwant %s", again.json(), m.json())
			}
			if stored := m.stored(); stored.json() != m.json() {
				t.Errorf("read again:\ngot  %s\nwant %s", stored.json(), m.json())
			}
		}
	})
}
