package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// SettleMediaAsset sets what follows from a status and the time: conditions, timer and observedGeneration. Settling again at the same time changes
// nothing. If the timer Retention is due, the caller removes the object.
//
// It reads the reason of the Ready condition before it sets the reason, because only the old reason says why a timer Retention is running.
func SettleMediaAsset(status *fastpixv1.MediaAssetStatus, generation int64, now time.Time, retention time.Duration) {
	fields := settledFieldsOfMedia(status)
	before, running := fields.readyReason(), fields.running()

	v := mediaVerdict(status)
	if v.reason == fastpixv1.ReasonAwaitingUpload && uploadExpired(running, before, now) {
		v = uploadExpiredVerdict
	}

	fields.setTimer(mediaTimer(running, before, v.reason, now, retention))
	fields.setConditions(v.conditions(merge.Truncated(status.Provenance)), generation, now)
}

// uploadExpired reports whether an upload URL expired before it was used: its timer is due, or was due before and the retention is running.
func uploadExpired(running timer, before string, now time.Time) bool {
	return running.isDue(fastpixv1.TimerUpload, now) ||
		running.isRunning(fastpixv1.TimerRetention) && before == fastpixv1.ReasonUploadExpired
}

// mediaTimer returns the timer of a media whose Ready condition has a reason.
func mediaTimer(running timer, before, reason string, now time.Time, retention time.Duration) timer {
	switch reason {
	case fastpixv1.ReasonAwaitingUpload:
		return running.keepOrStart(now, fastpixv1.TimerUpload, uploadLifetime)
	case fastpixv1.ReasonUploadExpired, fastpixv1.ReasonBecameMedia, fastpixv1.ReasonCancelled, fastpixv1.ReasonDeleted, fastpixv1.ReasonNotSeen:
		return running.retentionTimer(now, retention, before, reason)
	}
	return timer{}
}

var uploadExpiredVerdict = verdict{
	status: metav1.ConditionFalse, reason: fastpixv1.ReasonUploadExpired, ended: true,
	message: "The upload URL expired before it was used; the mirror is removed after the endpoint's retention.",
}

// mediaVerdict returns the Ready condition that follows from the state of a media.
func mediaVerdict(s *mediaStatus) verdict {
	if s.BecameMediaID != "" && (s.State == "" || s.State == record.StateWaiting) {
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonBecameMedia, ended: true,
			message: "The upload became media " + s.BecameMediaID + ", which has a mirror of its own.",
		}
	}
	switch s.State {
	case "":
		return verdict{
			status: metav1.ConditionUnknown, reason: fastpixv1.ReasonNotSeen, waiting: true,
			message: "Only events about parts of the media were received so far; the mirror waits for an event about the media itself.",
		}
	case record.StateWaiting:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonAwaitingUpload, waiting: true,
			message: "FastPix waits for the upload.",
		}
	case record.StateReady:
		return verdict{status: metav1.ConditionTrue, reason: fastpixv1.ReasonReady, message: "The media can be played."}
	case record.StateFailed:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonFailed, ended: true,
			message: "FastPix could not process the media. Upload it again: that creates a new media with its own mirror.",
		}
	case record.StateCancelled:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonCancelled, ended: true,
			message: "The upload was cancelled; the mirror is removed after the endpoint's retention.",
		}
	case record.StateDeleted:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonDeleted, ended: true,
			message: "The media was deleted on FastPix; the mirror is removed after the endpoint's retention.",
		}
	}
	return verdict{
		status: metav1.ConditionFalse, reason: fastpixv1.ReasonProcessing, waiting: true,
		message: "FastPix processes the media.",
	}
}
