package event

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"video.media.ready.json", "video.live_stream.active.json", "video.media.track.ready.json"} {
		b.Run(name, func(b *testing.B) {
			body := fixtures.Payload(name)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFit(b *testing.B) {
	e, err := Decode(fixtures.Payload("video.media.ready.json"))
	if err != nil {
		b.Fatal(err)
	}
	r := e.Record(time.Unix(1_800_000_000, 0), types.NamespacedName{Namespace: "media", Name: "fastpix"}, "4d1b2c3a-0000-4000-8000-000000000000", "01234567")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fit(r); err != nil {
			b.Fatal(err)
		}
	}
}
