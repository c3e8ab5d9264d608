package controllers

import (
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// mirror is what the fold needs of a MediaAsset or a LiveStream.
type mirror interface {
	// object returns the API object; writes change it in place.
	object() client.Object
	// copy returns a deep copy.
	copy() mirror
	// id returns the platform's id in the spec.
	id() string
	endpoint() string
	// fold projects records onto the status.
	fold(records []*record.Record)
	// omitText clears the customer's own text.
	omitText()
	// settle derives from name, status and clock what they tell: conditions and timer.
	settle(now time.Time, retention time.Duration)
	// sameStatus reports whether two mirrors have equal statuses.
	sameStatus(mirror) bool
	state() string
	conditions() []metav1.Condition
	timer() (string, *metav1.MicroTime)
	recentEvents() []fastpixv1.EventReference
}

// newMirror returns an empty mirror to read into.
func newMirror(kind record.Kind) mirror {
	if kind == record.LiveStream {
		return &streamMirror{}
	}
	return &mediaMirror{}
}

// firstMirror returns the mirror to create when the first event about an object arrives.
func firstMirror(key record.Key, id, endpoint string) mirror {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	ref := fastpixv1.EndpointReference{Name: endpoint}
	if key.Kind == record.LiveStream {
		return &streamMirror{fastpixv1.LiveStream{ObjectMeta: meta, Spec: fastpixv1.LiveStreamSpec{StreamID: id, EndpointRef: ref}}}
	}
	return &mediaMirror{fastpixv1.MediaAsset{ObjectMeta: meta, Spec: fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: ref}}}
}

// isMisnamed reports whether a mirror's name does not follow from its id. No event reaches such an object: a user applied it, before the
// CRD had the rule that refuses it, or with a wrong hash, which the rule cannot compute.
func isMisnamed(m mirror) bool { return m.object().GetName() != record.ObjectName(m.id()) }

type mediaMirror struct{ fastpixv1.MediaAsset }

func (m *mediaMirror) object() client.Object { return &m.MediaAsset }
func (m *mediaMirror) copy() mirror          { return &mediaMirror{*m.DeepCopy()} }
func (m *mediaMirror) id() string            { return m.Spec.MediaID }
func (m *mediaMirror) endpoint() string      { return m.Spec.EndpointRef.Name }
func (m *mediaMirror) fold(records []*record.Record) {
	m.Status = projection.MediaAsset(m.Status, record.NormalizeID(m.Spec.MediaID), records)
}
func (m *mediaMirror) omitText() { m.Status = projection.OmitMediaAssetText(m.Status) }
func (m *mediaMirror) settle(now time.Time, retention time.Duration) {
	if isMisnamed(m) {
		projection.MisnameMediaAsset(&m.Status, record.ObjectName(m.id()), m.Generation, now)
		return
	}
	projection.SettleMediaAsset(&m.Status, m.Generation, now, retention)
}
func (m *mediaMirror) sameStatus(o mirror) bool {
	return apiequality.Semantic.DeepEqual(m.Status, o.(*mediaMirror).Status)
}
func (m *mediaMirror) state() string                            { return m.Status.State }
func (m *mediaMirror) conditions() []metav1.Condition           { return m.Status.Conditions }
func (m *mediaMirror) timer() (string, *metav1.MicroTime)       { return m.Status.Timer, m.Status.TimerTime }
func (m *mediaMirror) recentEvents() []fastpixv1.EventReference { return m.Status.RecentEvents }

type streamMirror struct{ fastpixv1.LiveStream }

func (m *streamMirror) object() client.Object { return &m.LiveStream }
func (m *streamMirror) copy() mirror          { return &streamMirror{*m.DeepCopy()} }
func (m *streamMirror) id() string            { return m.Spec.StreamID }
func (m *streamMirror) endpoint() string      { return m.Spec.EndpointRef.Name }
func (m *streamMirror) fold(records []*record.Record) {
	m.Status = projection.LiveStream(m.Status, record.NormalizeID(m.Spec.StreamID), records)
}
func (m *streamMirror) omitText() { m.Status = projection.OmitLiveStreamText(m.Status) }
func (m *streamMirror) settle(now time.Time, retention time.Duration) {
	if isMisnamed(m) {
		projection.MisnameLiveStream(&m.Status, record.ObjectName(m.id()), m.Generation, now)
		return
	}
	projection.SettleLiveStream(&m.Status, m.Generation, now, retention)
}
func (m *streamMirror) sameStatus(o mirror) bool {
	return apiequality.Semantic.DeepEqual(m.Status, o.(*streamMirror).Status)
}
func (m *streamMirror) state() string                            { return m.Status.State }
func (m *streamMirror) conditions() []metav1.Condition           { return m.Status.Conditions }
func (m *streamMirror) timer() (string, *metav1.MicroTime)       { return m.Status.Timer, m.Status.TimerTime }
func (m *streamMirror) recentEvents() []fastpixv1.EventReference { return m.Status.RecentEvents }
