package controllers

import (
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
)

// CacheOptions returns the options of the manager's cache. It holds only what the controllers read of endpoints and namespaces, and only the timers
// of mirrors.
func CacheOptions() cache.Options {
	due := fields.OneTermNotEqualSelector("status.timer", "")
	return cache.Options{
		DefaultTransform: lean.Transform,
		NewInformer:      apiserver.NewDrainedInformer,
		ByObject: map[client.Object]cache.ByObject{
			&fastpixv1.MediaAsset{}: {Field: due, Transform: stripMirror},
			&fastpixv1.LiveStream{}: {Field: due, Transform: stripMirror},
		},
	}
}

// stripMirror removes everything from a mirror that a timer does not need.
func stripMirror(object any) (any, error) {
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		o.ObjectMeta, o.Spec = lean.Identity(o.ObjectMeta), fastpixv1.MediaAssetSpec{}
		o.Status = fastpixv1.MediaAssetStatus{TimerTime: o.Status.TimerTime}
	case *fastpixv1.LiveStream:
		o.ObjectMeta, o.Spec = lean.Identity(o.ObjectMeta), fastpixv1.LiveStreamSpec{}
		o.Status = fastpixv1.LiveStreamStatus{TimerTime: o.Status.TimerTime}
	}
	return object, nil
}
