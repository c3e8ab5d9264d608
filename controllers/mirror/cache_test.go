package mirror

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

var testKey = record.Key{Kind: record.MediaAsset, Namespace: "video", Name: "m1"}

func TestCachedMirrorsHaveNoManagedFields(t *testing.T) {
	w, key := NewCache(1), testKey
	w.Set(key, &MediaAsset{MediaAsset: fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{
		Name: testKey.Name, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "another-manager"}},
	}}})
	if got := w.Get(key); got == nil || len(got.APIObject().GetManagedFields()) != 0 {
		t.Errorf("cached is %+v", got)
	}
	w.Drop(key)
	if w.Get(key) != nil {
		t.Error("a dropped mirror is still cached")
	}
}

// TestLargeMirrorsAreNotCached protects the controllers' memory from a sender of events about thousands of media with the maximum of
// metadata.
func TestLargeMirrorsAreNotCached(t *testing.T) {
	w, key := NewCache(CacheEntries), testKey
	large := strings.Repeat("<", maxCachedBytes/len(`\u003c`)) // six bytes each, as they are remembered
	for _, metadata := range []string{"small", large} {
		w.Set(key, &MediaAsset{MediaAsset: fastpixv1.MediaAsset{
			ObjectMeta: metav1.ObjectMeta{Name: testKey.Name},
			Status:     fastpixv1.MediaAssetStatus{Metadata: map[string]fastpixv1.MetadataValue{"text": fastpixv1.MetadataValue(metadata)}},
		}})
		if remembered := w.Get(key) != nil; remembered != (metadata == "small") {
			t.Errorf("a mirror with %d bytes of metadata is cached: %t", len(metadata), remembered)
		}
	}
}
