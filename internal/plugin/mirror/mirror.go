package mirror

import (
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Mirror is a MediaAsset or a LiveStream.
type Mirror struct {
	client.Object
	Kind record.Kind
	// ID is FastPix's id of the object.
	ID string
	// Endpoint is the name of the endpoint that received the first event; empty if none is known.
	Endpoint   string
	State      string
	Conditions []metav1.Condition
	Provenance []fastpixv1.ProvenanceLine
	Recent     []fastpixv1.EventLine
	TimerTime  *metav1.MicroTime
	// Status is the whole status, as the API has it.
	Status any
}

// Of returns a MediaAsset or LiveStream as a mirror.
func Of(o runtime.Object) (Mirror, error) {
	switch o := o.(type) {
	case *fastpixv1.MediaAsset:
		s := &o.Status
		return Mirror{o, record.MediaAsset, o.Spec.MediaID, o.Spec.EndpointRef.Name, s.State, s.Conditions, s.Provenance, s.RecentEvents, s.TimerTime, s}, nil
	case *fastpixv1.LiveStream:
		s := &o.Status
		return Mirror{o, record.LiveStream, o.Spec.StreamID, o.Spec.EndpointRef.Name, s.State, s.Conditions, s.Provenance, s.RecentEvents, s.TimerTime, s}, nil
	}
	return Mirror{}, fmt.Errorf("%T is neither a MediaAsset nor a LiveStream", o)
}

// Condition returns a condition; the zero Condition if there is none of that type.
func (m *Mirror) Condition(conditionType string) metav1.Condition {
	if c := apimeta.FindStatusCondition(m.Conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}
