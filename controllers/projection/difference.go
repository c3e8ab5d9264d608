package projection

import (
	"strconv"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// MediaDiffers reports whether folding a record changes what users see of a media: not the events, their provenance, and what differs only in spelling.
// updatedTime alone is no difference, because it is not known which changes move it.
func MediaDiffers(status fastpixv1.MediaAssetStatus, id string, r *record.Record) bool {
	before, after := visibleMedia(status), visibleMedia(MediaAsset(status, id, []*record.Record{r}))
	sameSpelling(&after.FrameRate, before.FrameRate)
	sameDuration(&after.Duration, before.Duration)
	alignTracks(after.Tracks, before.Tracks)
	return !apiequality.Semantic.DeepEqual(before, after)
}

// StreamDiffers is MediaDiffers for a live stream. The times of a session that only observations tell are no difference.
func StreamDiffers(status fastpixv1.LiveStreamStatus, id string, r *record.Record) bool {
	before, after := visibleStream(status), visibleStream(LiveStream(status, id, []*record.Record{r}))
	if before.State == after.State {
		after.ActiveSince, after.LastActiveTime = before.ActiveSince, before.LastActiveTime
	}
	sameDuration(&after.MaxDuration, before.MaxDuration)
	return !apiequality.Semantic.DeepEqual(before, after)
}

// visibleMedia returns a status without what an observation always changes, and without what follows from the rest of the status and the time.
func visibleMedia(s fastpixv1.MediaAssetStatus) *fastpixv1.MediaAssetStatus {
	s.LastEvent, s.RecentEvents, s.Provenance, s.UpdatedTime, s.Conditions, s.Timer, s.TimerTime = nil, nil, nil, nil, nil, "", nil
	if s.DeletedTime != nil {
		s.DeletedTime = &metav1.MicroTime{} // the state says that it is deleted; a later observation does not change when
	}
	return s.DeepCopy()
}

func visibleStream(s fastpixv1.LiveStreamStatus) *fastpixv1.LiveStreamStatus {
	s.LastEvent, s.RecentEvents, s.Provenance, s.Conditions, s.Timer, s.TimerTime = nil, nil, nil, nil, "", nil
	if s.DeletedTime != nil {
		s.DeletedTime = &metav1.MicroTime{}
	}
	return s.DeepCopy()
}

// alignTracks gives tracks the spelling of the frame rates of the tracks with the same ids.
func alignTracks(after, before []fastpixv1.Track) {
	rates := make(map[string]string, len(before))
	for i := range before {
		rates[before[i].ID] = before[i].FrameRate
	}
	for i := range after {
		sameSpelling(&after[i].FrameRate, rates[after[i].ID])
	}
}

// sameSpelling replaces a frame rate by an equal rate in another spelling.
func sameSpelling(rate *string, other string) {
	a, ok := rateOf(*rate)
	b, otherOK := rateOf(other)
	if ok && otherOK && a == b {
		*rate = other
	}
}

// rateOf returns a frame rate in thousandths: FastPix writes 30/1, 30.000 and 30.
func rateOf(s string) (int64, bool) {
	over, under, isFraction := strings.Cut(s, "/")
	rate, err := strconv.ParseFloat(over, 64)
	if isFraction && err == nil {
		var divisor float64
		if divisor, err = strconv.ParseFloat(under, 64); divisor > 0 {
			rate /= divisor
		}
	}
	const highest = 1 << 20 // far above every rate
	if err != nil || !(rate >= 0 && rate < highest) {
		return 0, false
	}
	return int64(rate*1000 + 0.5), true
}

// sameDuration replaces a duration by another one if both are the same in whole seconds: the API gives whole seconds, and events give fractions.
func sameDuration(d **metav1.Duration, other *metav1.Duration) {
	if *d == nil || other == nil {
		return
	}
	if (*d).Truncate(time.Second) == other.Truncate(time.Second) || (*d).Round(time.Second) == other.Round(time.Second) {
		*d = other
	}
}
