// These tests protect people who ask why a mirror is as it is: the sentence names the event that decides, for each reason that the controllers give.
package explain

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

var now = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

const week = 7 * 24 * time.Hour

// line is what an event of that second set.
func line(second int, typ, id string, fields ...string) fastpixv1.ProvenanceLine {
	at := metav1.NewMicroTime(time.Date(2026, 3, 1, 12, 0, second, 0, time.UTC))
	return fastpixv1.NewProvenanceLine(&fastpixv1.EventReference{Time: &at, Type: typ, ID: id}, fields)
}

func TestWhyOfAMedia(t *testing.T) {
	t.Parallel()
	by := func(typ string) []fastpixv1.ProvenanceLine {
		return []fastpixv1.ProvenanceLine{line(1, typ, "e1", "state")}
	}
	for want, s := range map[string]fastpixv1.MediaAssetStatus{
		"can be played, because event video.media.ready of 2026-03-01T12:00:01Z set its state to Ready.": {
			State: "Ready", Provenance: by("video.media.ready")},
		"cannot be played yet, because FastPix waits for the file: event video.media.upload of 2026-03-01T12:00:01Z set its state to Waiting, and the upload expires at 2026-03-01T16:00:30Z.": {
			State: "Waiting", Provenance: by("video.media.upload")},
		"cannot be played yet, because FastPix works on it: event video.media.updated of 2026-03-01T12:00:01Z set its state to InQueue.": {
			State: "InQueue", Provenance: by("video.media.updated")},
		"can never be played, because FastPix could not process it: event video.media.failed of 2026-03-01T12:00:01Z set its state to Failed.": {
			State: "Failed", Provenance: by("video.media.failed")},
		"can never be played, because its upload was cancelled: event video.media.upload.cancelled of 2026-03-01T12:00:01Z set its state to Cancelled.": {
			State: "Cancelled", Provenance: by("video.media.upload.cancelled")},
		"can never be played, because its upload expired before a file arrived: event video.media.upload of 2026-03-01T12:00:01Z set its state to Waiting, and no event has followed in time.": {
			State: "Waiting", Provenance: by("video.media.upload"), Timer: fastpixv1.TimerUpload, TimerTime: new(metav1.NewMicroTime(now))},
		"is an upload that became media m2, which has a mirror of its own, because event video.upload.media_created of 2026-03-01T12:00:02Z says so.": {
			State: "Waiting", BecameMediaID: "m2", Provenance: []fastpixv1.ProvenanceLine{line(2, "video.upload.media_created", "e2", "becameMediaID")}},
		"is a tombstone, because it was deleted on FastPix: event video.media.deleted of 2026-03-01T12:00:01Z set its state to Deleted; it is removed at 2026-03-08T12:00:30Z.": {
			State: "Deleted", Provenance: by("video.media.deleted")},
		"is a tombstone, because sync found that it was deleted on FastPix: an answer of FastPix's management API at 2026-03-01T12:00:09Z, which does not have it; it is removed at 2026-03-08T12:00:30Z.": {
			State: "Deleted", Provenance: []fastpixv1.ProvenanceLine{
				line(9, "sync.media.missing", "o1", "missing", "state"), line(1, "video.media.ready", "e1", "hiddenState=Ready")}},
		"waits, because only events about its parts have arrived (video.media.track.ready), and none about the object itself.": {
			RecentEvents: []fastpixv1.EventLine{"2026-03-01T12:00:01.000000Z video.media.track.ready e1", "2026-03-01T12:00:00.000000Z video.media.track.ready e0"}},
		"can be played, because event video.media.ready e1 with a time that is not credible set its state to Ready.": {
			State: "Ready", Provenance: []fastpixv1.ProvenanceLine{"?2036-03-01T12:00:01.000000Z video.media.ready e1: state"}},
	} {
		projection.SettleMediaAsset(&s, 1, now, week)
		checkWhy(t, &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Name: "m1"}, Status: s}, "MediaAsset m1 "+want)
	}
	misnamed := fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Name: "m1"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "ä"}}
	projection.SettleMisnamedMediaAsset(&misnamed.Status, "x-1", 1, now)
	checkWhy(t, &misnamed, "MediaAsset m1 never shows anything, because its name does not follow from the id ä: delete it, and apply it again with the right name.")
	checkWhy(t, &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Name: "m1"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "m1"}},
		"MediaAsset m1 shows nothing yet, because no event about the id m1 has arrived, and sync has not found it.")
}

func TestWhyOfAStream(t *testing.T) {
	t.Parallel()
	by := func(typ string) []fastpixv1.ProvenanceLine {
		return []fastpixv1.ProvenanceLine{line(1, typ, "e1", "state")}
	}
	soon, past := new(metav1.NewMicroTime(now.Add(time.Minute))), new(metav1.NewMicroTime(now.Add(-time.Second)))
	for want, s := range map[string]fastpixv1.LiveStreamStatus{
		"is on air, because event video.live_stream.active of 2026-03-01T12:00:01Z set its state to Active.": {
			State: "Active", Provenance: by("video.live_stream.active")},
		"is on air, because an answer of FastPix's management API at 2026-03-01T12:00:09Z says that its state is Active, and that is newer than event video.live_stream.idle of 2026-03-01T12:00:01Z, which set the state Idle.": {
			State: "Active", Provenance: []fastpixv1.ProvenanceLine{
				line(9, "sync.live_stream.observed", "o1", "observedState=Active", "state"), line(1, "video.live_stream.idle", "e1", "hiddenState=Idle")}},
		"may be used and is not on air, because event video.live_stream.idle of 2026-03-01T12:00:01Z set its state to Idle.": {
			State: "Idle", Provenance: by("video.live_stream.idle")},
		"may come back on air, because its encoder has disconnected: event video.live_stream.disconnected of 2026-03-01T12:00:01Z set its state to Disconnected, and FastPix waits for the encoder until 2026-03-01T12:01:30Z.": {
			State: "Disconnected", ReconnectDeadline: soon, Provenance: by("video.live_stream.disconnected")},
		"is not on air, because its encoder has disconnected and did not come back in time: event video.live_stream.disconnected of 2026-03-01T12:00:01Z set its state to Disconnected.": {
			State: "Disconnected", ReconnectDeadline: past, Provenance: by("video.live_stream.disconnected")},
		"cannot be used, because it is disabled on FastPix: event video.live_stream.disabled of 2026-03-01T12:00:01Z set its state to Disabled.": {
			State: "Disabled", Provenance: by("video.live_stream.disabled")},
		"is a tombstone, because it was deleted on FastPix: event video.live_stream.deleted of 2026-03-01T12:00:01Z set its state to Deleted; it is removed at 2026-03-08T12:00:30Z.": {
			State: "Deleted", Provenance: by("video.live_stream.deleted")},
		"waits, because only events about its parts have arrived (none is known any more), and none about the object itself.": {},
	} {
		projection.SettleLiveStream(&s, 1, now, week)
		checkWhy(t, &fastpixv1.LiveStream{ObjectMeta: metav1.ObjectMeta{Name: "s1"}, Status: s}, "LiveStream s1 "+want)
	}
}

func checkWhy(t *testing.T, o runtime.Object, want string) {
	t.Helper()
	m, err := mirror.Of(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := Why(&m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
