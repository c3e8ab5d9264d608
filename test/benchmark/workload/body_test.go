package workload

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestTemplateKeepsTheSample(t *testing.T) {
	t.Parallel()
	var sample struct {
		ID, CreatedAt string
		Object        struct{ ID string }
		Data          struct{ CreatedAt string }
	}
	var want bytes.Buffer
	raw := fixtures.Payload("video.media.created.json")
	if err := json.Unmarshal(raw, &sample); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&want, raw); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339Nano, sample.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	created, err := time.Parse(time.RFC3339Nano, sample.Data.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	e := Event{ID: parseUUID([]byte(sample.ID)), Media: parseUUID([]byte(sample.Object.ID)), At: at, Created: created, Body: MediaCreated}
	got := e.render()
	if len(got) != want.Len() {
		t.Errorf("the body has %d bytes, the sample %d:\n%s\n%s", len(got), want.Len(), got, &want)
	}
	if !json.Valid(got) || !bytes.Contains(got, []byte(sample.ID)) || !bytes.Contains(got, []byte(sample.CreatedAt)) {
		t.Errorf("the body of the sample's own event is\n%s", got)
	}
	if bytes.Contains(got, []byte("5b2e567b-b933-471b-beac-3e81260bfcbe")) {
		t.Error("the playback id is still the sample's")
	}
}
