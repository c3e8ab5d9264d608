package sync

import (
	"sigs.k8s.io/controller-runtime/pkg/cache"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
)

// maxAnnotation bounds what an informer keeps of an annotation's value.
const maxAnnotation = 4 * fastpixv1.MaxHandledRequest

// CacheOptions returns the options of the manager's cache. It holds WebhookEndpoints with the annotations of sync, and nothing else.
func CacheOptions() cache.Options {
	return cache.Options{DefaultTransform: stripEndpoint, NewInformer: apiserver.NewInformer}
}

// stripEndpoint is lean.Transform, and keeps the annotations of sync.
func stripEndpoint(object any) (any, error) {
	e, ok := object.(*fastpixv1.WebhookEndpoint)
	if !ok {
		return lean.Transform(object)
	}
	var kept map[string]string
	for _, name := range []string{fastpixv1.SyncRequestedAtAnnotation, fastpixv1.SyncConfirmMissingAnnotation} {
		if value, ok := e.Annotations[name]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = value[:min(len(value), maxAnnotation)]
		}
	}
	stripped, err := lean.Transform(e)
	e.Annotations = kept
	return stripped, err
}
