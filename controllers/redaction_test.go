package controllers

import (
	"reflect"
	"testing"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/redaction"
)

// TestOutputTypesHoldNoSecrets proves redaction by construction: the types that the controllers fill, and that end in an object, a log
// line or a metric, have no field for a secret or for arbitrary text. Records fill them, and have no such field either.
func TestOutputTypesHoldNoSecrets(t *testing.T) {
	t.Parallel()
	places, walked := redaction.Places(nil, reflect.TypeFor[record.Record](), reflect.TypeFor[record.Key](), reflect.TypeFor[journal.Failure](), reflect.TypeFor[mirror.Outcome](),
		reflect.TypeFor[fastpixv1.MediaAsset](), reflect.TypeFor[fastpixv1.LiveStream](), reflect.TypeFor[fastpixv1.EventBatch]())
	for _, place := range places {
		t.Error(place)
	}
	if walked < 60 {
		t.Errorf("only %d types were walked", walked)
	}
}
