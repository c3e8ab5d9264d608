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

// Object is a MediaAsset or a LiveStream. Its methods are what differs between the two kinds; the functions below serve both.
type Object interface {
	// APIObject returns the API object. A write changes it in place.
	APIObject() client.Object
	// ID returns the platform's id in the spec.
	ID() string
	// EndpointName returns the name of the WebhookEndpoint in the spec. Users can write it.
	EndpointName() string
	// State returns status.state.
	State() string
	// Conditions returns status.conditions.
	Conditions() []metav1.Condition
	// Timer returns status.timer and status.timerTime.
	Timer() (string, *metav1.MicroTime)
	// RecentEvents returns status.recentEvents.
	RecentEvents() []fastpixv1.EventLine

	kind() record.Kind
	copy() Object
	status() any
	// project folds records into the status.
	project(id string, records []*record.Record)
	// omitText clears the customer's own text.
	omitText()
	// settle sets the conditions and the timer that follow from the status and the time.
	settle(now time.Time, retention time.Duration)
	// settleMisnamed sets the conditions of an object that must have another name.
	settleMisnamed(name string, now time.Time)
}

// MediaAsset is the Object of a MediaAsset.
type MediaAsset struct{ fastpixv1.MediaAsset }

// LiveStream is the Object of a LiveStream.
type LiveStream struct{ fastpixv1.LiveStream }

// Of returns the Object of a MediaAsset or a LiveStream. It is a shallow copy: the caller must not change it if others read the original.
func Of(object client.Object) Object {
	if stream, ok := object.(*fastpixv1.LiveStream); ok {
		return &LiveStream{*stream}
	}
	return &MediaAsset{*object.(*fastpixv1.MediaAsset)}
}

// New returns an empty mirror to read into.
func New(kind record.Kind) Object {
	if kind == record.LiveStream {
		return &LiveStream{}
	}
	return &MediaAsset{}
}

// NewFor returns the mirror to create for the first event of an object.
func NewFor(key record.Key, id, endpoint string) Object {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	ref := fastpixv1.EndpointReference{Name: endpoint}
	if key.Kind == record.LiveStream {
		return &LiveStream{fastpixv1.LiveStream{ObjectMeta: meta, Spec: fastpixv1.LiveStreamSpec{StreamID: id, EndpointRef: ref}}}
	}
	return &MediaAsset{fastpixv1.MediaAsset{ObjectMeta: meta, Spec: fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: ref}}}
}

// KeyOf returns the key of a mirror.
func KeyOf(m Object) record.Key {
	return record.Key{Kind: m.kind(), Namespace: m.APIObject().GetNamespace(), Name: m.APIObject().GetName()}
}

// IsMisnamed reports whether a mirror's name does not follow from its id. No event reaches such an object. A user applied it before the CRD
// had the rule that refuses it, or with a wrong hash, which the rule cannot compute.
func IsMisnamed(m Object) bool { return m.APIObject().GetName() != record.ObjectName(m.ID()) }

// project folds records into the status of a mirror.
func project(m Object, records []*record.Record) { m.project(record.NormalizeID(m.ID()), records) }

// settle sets the conditions and the timer of a mirror.
func settle(m Object, now time.Time, retention time.Duration) {
	if IsMisnamed(m) {
		m.settleMisnamed(record.ObjectName(m.ID()), now)
		return
	}
	m.settle(now, retention)
}

// sameStatus reports whether two mirrors of one kind have equal statuses.
func sameStatus(a, b Object) bool { return apiequality.Semantic.DeepEqual(a.status(), b.status()) }

// APIObject implements Object.
func (m *MediaAsset) APIObject() client.Object { return &m.MediaAsset }

// ID implements Object.
func (m *MediaAsset) ID() string { return m.Spec.MediaID }

// EndpointName implements Object.
func (m *MediaAsset) EndpointName() string { return m.Spec.EndpointRef.Name }

// State implements Object.
func (m *MediaAsset) State() string { return m.Status.State }

// Conditions implements Object.
func (m *MediaAsset) Conditions() []metav1.Condition { return m.Status.Conditions }

// Timer implements Object.
func (m *MediaAsset) Timer() (string, *metav1.MicroTime) { return m.Status.Timer, m.Status.TimerTime }

// RecentEvents implements Object.
func (m *MediaAsset) RecentEvents() []fastpixv1.EventLine { return m.Status.RecentEvents }

func (m *MediaAsset) kind() record.Kind { return record.MediaAsset }
func (m *MediaAsset) copy() Object      { return &MediaAsset{*m.DeepCopy()} }
func (m *MediaAsset) status() any       { return m.Status }
func (m *MediaAsset) omitText()         { m.Status = projection.OmitMediaAssetText(m.Status) }
func (m *MediaAsset) project(id string, records []*record.Record) {
	m.Status = projection.MediaAsset(m.Status, id, records)
}
func (m *MediaAsset) settle(now time.Time, retention time.Duration) {
	projection.SettleMediaAsset(&m.Status, m.Generation, now, retention)
}
func (m *MediaAsset) settleMisnamed(name string, now time.Time) {
	projection.SettleMisnamedMediaAsset(&m.Status, name, m.Generation, now)
}

// APIObject implements Object.
func (m *LiveStream) APIObject() client.Object { return &m.LiveStream }

// ID implements Object.
func (m *LiveStream) ID() string { return m.Spec.StreamID }

// EndpointName implements Object.
func (m *LiveStream) EndpointName() string { return m.Spec.EndpointRef.Name }

// State implements Object.
func (m *LiveStream) State() string { return m.Status.State }

// Conditions implements Object.
func (m *LiveStream) Conditions() []metav1.Condition { return m.Status.Conditions }

// Timer implements Object.
func (m *LiveStream) Timer() (string, *metav1.MicroTime) { return m.Status.Timer, m.Status.TimerTime }

// RecentEvents implements Object.
func (m *LiveStream) RecentEvents() []fastpixv1.EventLine { return m.Status.RecentEvents }

func (m *LiveStream) kind() record.Kind { return record.LiveStream }
func (m *LiveStream) copy() Object      { return &LiveStream{*m.DeepCopy()} }
func (m *LiveStream) status() any       { return m.Status }
func (m *LiveStream) omitText()         { m.Status = projection.OmitLiveStreamText(m.Status) }
func (m *LiveStream) project(id string, records []*record.Record) {
	m.Status = projection.LiveStream(m.Status, id, records)
}
func (m *LiveStream) settle(now time.Time, retention time.Duration) {
	projection.SettleLiveStream(&m.Status, m.Generation, now, retention)
}
func (m *LiveStream) settleMisnamed(name string, now time.Time) {
	projection.SettleMisnamedLiveStream(&m.Status, name, m.Generation, now)
}
