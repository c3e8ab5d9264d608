package progress

import "testing"

// TestParseReadsWhatStringWrites protects the bar of kubectl fastpix: it understands each sentence of the syncer.
func TestParseReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	for _, want := range []Progress{{1, 1, Media, 0}, {3, 12, Media, 250}, {123456, 999999, LiveStreams, 100000000}} {
		if got, ok := Parse(want.String()); got != want || !ok {
			t.Errorf("%q is read as %+v, %v", want, got, ok)
		}
	}
	for _, other := range []string{"", "The first comparison with FastPix has started.", "has read page 99999999999999999999 of 1 of the media, and created 0 mirrors"} {
		if got, ok := Parse(other); ok {
			t.Errorf("%q is read as %+v", other, got)
		}
	}
}
