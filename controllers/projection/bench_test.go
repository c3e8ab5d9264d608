package projection

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// readyMedia returns the four main events of a media of usual size.
func readyMedia() []*record.Record {
	at := func(r *record.Record, second int, c *record.MediaChange) *record.Record {
		r.Time = &metav1.MicroTime{Time: epoch.Add(time.Duration(second) * time.Second)}
		r.Changes = []record.Change{{Kind: record.MediaAsset, ID: objectID, Media: c}}
		return r
	}
	id := func(i int) string { return fmt.Sprintf("7f3c2a10-9d4e-4b6f-8a1c-%012d", i) }
	full := func(state string) *record.MediaChange {
		return &record.MediaChange{
			State: state, Title: new("How we test the fold"), CreatorID: new("team-video"), WorkspaceID: new(id(1)),
			Metadata:      &map[string]fastpixv1.MetadataValue{"course": "distributed systems", "lesson": "12"},
			MaxResolution: new("1080p"), SourceResolution: new("1080p"), AspectRatio: new("16:9"), FrameRate: new("30/1"),
			Duration: &metav1.Duration{Duration: 754 * time.Second}, MediaQuality: new("standard"), AudioOnly: new(false), SourceAccess: new(true),
			MP4Support: new("none"), Thumbnail: new("https://images.example.com/" + id(2) + "/thumbnail.png"),
			CreatedTime: &metav1.MicroTime{Time: epoch}, UpdatedTime: &metav1.MicroTime{Time: epoch.Add(time.Minute)},
			PlaybackIDs: record.ListChange[fastpixv1.PlaybackID]{Snapshot: []fastpixv1.PlaybackID{{ID: id(2), AccessPolicy: "public"}}},
			Tracks: record.ListChange[fastpixv1.Track]{Snapshot: []fastpixv1.Track{
				{ID: id(3), Type: "video", State: "Available", Width: 1920, Height: 1080, FrameRate: "30/1"},
				{ID: id(4), Type: "audio", State: "Available", LanguageCode: "und", LanguageName: "default"},
			}},
		}
	}
	return []*record.Record{
		at(newRecord(id(10), "video.media.created"), 0, &record.MediaChange{
			State: record.StateCreated, MaxResolution: new("1080p"), CreatedTime: &metav1.MicroTime{Time: epoch},
			PlaybackIDs: record.ListChange[fastpixv1.PlaybackID]{Snapshot: []fastpixv1.PlaybackID{{ID: id(2), AccessPolicy: "public"}}},
		}),
		at(newRecord(id(11), "video.media.ready"), 40, full(record.StateReady)),
		at(newRecord(id(12), "video.media.track.ready"), 50, &record.MediaChange{
			Tracks: record.ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: id(5), Type: "subtitle", State: "Available", LanguageCode: "en-US"}}},
		}),
		at(newRecord(id(13), "video.media.updated"), 60, full("Ready")),
	}
}

func BenchmarkFoldNewestIntoUsualStatus(b *testing.B) {
	records := readyMedia()
	status := MediaAsset(fastpixv1.MediaAssetStatus{}, objectID, records[:3])
	text, err := json.Marshal(status)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(text)), "status-bytes")
	b.ReportAllocs()
	for b.Loop() {
		MediaAsset(status, objectID, records[3:])
	}
}

func BenchmarkFoldAgain(b *testing.B) {
	records := readyMedia()
	status := MediaAsset(fastpixv1.MediaAssetStatus{}, objectID, records)
	b.ReportAllocs()
	for b.Loop() {
		MediaAsset(status, objectID, records[3:])
	}
}

func BenchmarkFoldOneOfManyRecords(b *testing.B) {
	records := readyMedia()
	status := MediaAsset(fastpixv1.MediaAssetStatus{}, objectID, records[:3])
	var many []*record.Record
	for i := range 256 {
		r := *records[3]
		r.ID, r.Time = fmt.Sprint(i), &metav1.MicroTime{Time: epoch.Add(time.Duration(i) * time.Minute)}
		many = append(many, &r)
	}
	b.ReportAllocs()
	for b.Loop() {
		MediaAsset(status, objectID, many)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}

func BenchmarkSettle(b *testing.B) {
	status := MediaAsset(fastpixv1.MediaAssetStatus{}, objectID, readyMedia())
	b.ReportAllocs()
	for b.Loop() {
		SettleMediaAsset(&status, 1, epoch, time.Hour)
	}
}
