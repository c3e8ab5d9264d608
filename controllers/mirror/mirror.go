package mirror

import (
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Object is what the fold needs of a MediaAsset or a LiveStream.
type Object interface {
	// APIObject returns the API object; writes change it in place.
	APIObject() client.Object
	// copy returns a deep copy.
	copy() Object
	// ID returns the platform's id in the spec.
	ID() string
	EndpointName() string
	// fold projects records onto the status.
	fold(records []*record.Record)
	// omitText clears the customer's own text.
	omitText()
	// moved derives from name, status and clock what they tell: conditions and timer.
	settle(now time.Time, retention time.Duration)
	// sameStatus reports whether two mirrors have equal statuses.
	sameStatus(Object) bool
	State() string
	Conditions() []metav1.Condition
	Timer() (string, *metav1.MicroTime)
	RecentEvents() []fastpixv1.EventReference
}

// New returns an empty mirror to read into.
func New(kind record.Kind) Object {
	if kind == record.LiveStream {
		return &LiveStream{}
	}
	return &MediaAsset{}
}

// NewFor returns the mirror to create when the first event about an object arrives.
func NewFor(key record.Key, id, endpoint string) Object {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	ref := fastpixv1.EndpointReference{Name: endpoint}
	if key.Kind == record.LiveStream {
		return &LiveStream{fastpixv1.LiveStream{ObjectMeta: meta, Spec: fastpixv1.LiveStreamSpec{StreamID: id, EndpointRef: ref}}}
	}
	return &MediaAsset{fastpixv1.MediaAsset{ObjectMeta: meta, Spec: fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: ref}}}
}

// IsMisnamed reports whether a mirror's name does not follow from its id. No event reaches such an object: a user applied it, before the
// CRD had the rule that refuses it, or with a wrong hash, which the rule cannot compute.
func IsMisnamed(m Object) bool { return m.APIObject().GetName() != record.ObjectName(m.ID()) }

type MediaAsset struct{ fastpixv1.MediaAsset }

func (m *MediaAsset) APIObject() client.Object { return &m.MediaAsset }
func (m *MediaAsset) copy() Object             { return &MediaAsset{*m.DeepCopy()} }
func (m *MediaAsset) ID() string               { return m.Spec.MediaID }
func (m *MediaAsset) EndpointName() string     { return m.Spec.EndpointRef.Name }
func (m *MediaAsset) fold(records []*record.Record) {
	m.Status = projection.MediaAsset(m.Status, record.NormalizeID(m.Spec.MediaID), records)
}
func (m *MediaAsset) omitText() { m.Status = projection.OmitMediaAssetText(m.Status) }
func (m *MediaAsset) settle(now time.Time, retention time.Duration) {
	if IsMisnamed(m) {
		projection.SettleMisnamedMediaAsset(&m.Status, record.ObjectName(m.ID()), m.Generation, now)
		return
	}
	projection.SettleMediaAsset(&m.Status, m.Generation, now, retention)
}
func (m *MediaAsset) sameStatus(o Object) bool {
	return apiequality.Semantic.DeepEqual(m.Status, o.(*MediaAsset).Status)
}
func (m *MediaAsset) State() string                            { return m.Status.State }
func (m *MediaAsset) Conditions() []metav1.Condition           { return m.Status.Conditions }
func (m *MediaAsset) Timer() (string, *metav1.MicroTime)       { return m.Status.Timer, m.Status.TimerTime }
func (m *MediaAsset) RecentEvents() []fastpixv1.EventReference { return m.Status.RecentEvents }

type LiveStream struct{ fastpixv1.LiveStream }

func (m *LiveStream) APIObject() client.Object { return &m.LiveStream }
func (m *LiveStream) copy() Object             { return &LiveStream{*m.DeepCopy()} }
func (m *LiveStream) ID() string               { return m.Spec.StreamID }
func (m *LiveStream) EndpointName() string     { return m.Spec.EndpointRef.Name }
func (m *LiveStream) fold(records []*record.Record) {
	m.Status = projection.LiveStream(m.Status, record.NormalizeID(m.Spec.StreamID), records)
}
func (m *LiveStream) omitText() { m.Status = projection.OmitLiveStreamText(m.Status) }
func (m *LiveStream) settle(now time.Time, retention time.Duration) {
	if IsMisnamed(m) {
		projection.SettleMisnamedLiveStream(&m.Status, record.ObjectName(m.ID()), m.Generation, now)
		return
	}
	projection.SettleLiveStream(&m.Status, m.Generation, now, retention)
}
func (m *LiveStream) sameStatus(o Object) bool {
	return apiequality.Semantic.DeepEqual(m.Status, o.(*LiveStream).Status)
}
func (m *LiveStream) State() string                            { return m.Status.State }
func (m *LiveStream) Conditions() []metav1.Condition           { return m.Status.Conditions }
func (m *LiveStream) Timer() (string, *metav1.MicroTime)       { return m.Status.Timer, m.Status.TimerTime }
func (m *LiveStream) RecentEvents() []fastpixv1.EventReference { return m.Status.RecentEvents }
