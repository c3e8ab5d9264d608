package sample

import (
	"encoding/json"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// kubectl fastpix simulate sends an event of any type of the catalogue, so each needs a sample.
func TestEveryTypeOfTheCatalogueHasASample(t *testing.T) {
	t.Parallel()
	for _, typ := range record.Catalogue() {
		body, ok := OfType(typ.Name)
		if !ok {
			t.Errorf("%s has no sample", typ.Name)
			continue
		}
		var event struct{ Type string }
		if err := json.Unmarshal(body, &event); err != nil || event.Type != typ.Name {
			t.Errorf("the sample of %s has the type %q: %v", typ.Name, event.Type, err)
		}
	}
	if _, ok := OfType("video.media.holographic.ready"); ok {
		t.Error("a type that is not in the catalogue has a sample")
	}
}
