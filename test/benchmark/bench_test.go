// These tests protect what the figures rest on: bodies that are FastPix's in everything but ids and times, the same burst for
// the same seed, and counts that leave nothing out.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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
	e := event{id: parseUUID([]byte(sample.ID)), media: parseUUID([]byte(sample.Object.ID)), at: at, created: created, body: mediaCreated}
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

func TestSameSeedMakesTheSameIDsInTheSameOrder(t *testing.T) {
	t.Parallel()
	ids := func() []string {
		w := newWorkload(7)
		b := w.disturb(w.lives(tenant{namespace: "n"}, lifecycle, 4000))
		var ids []string
		for _, r := range b.requests {
			ids = append(ids, string(replaceable.Find(r)))
		}
		return ids
	}
	one, two := ids(), ids()
	if !slices.Equal(one, two) {
		t.Error("two bursts of one seed differ")
	}
	if len(one) != 4400 {
		t.Errorf("%d deliveries of 4000 events, one in ten twice", len(one))
	}
}

func TestExpectationIsTheNewestEvent(t *testing.T) {
	t.Parallel()
	w := newWorkload(1)
	b := w.lives(tenant{namespace: "n"}, lifecycle, 40)
	if len(b.want) != 10 {
		t.Fatalf("%d assets from 40 events", len(b.want))
	}
	for name, x := range b.want {
		if x.events != 4 || x.state != "Ready" {
			t.Errorf("asset %s is expected to be %+v", name, x)
		}
	}
}

func TestAuditLogIsCountedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	const write = `{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:fastpix-system:fastpix-controller-manager"},` +
		`"objectRef":{"resource":"mediaassets","subresource":"status"},"responseStatus":{"code":200},"stageTimestamp":"2026-11-20T09:00:00.5Z"}` + "\n"
	const watch = `{"stage":"ResponseStarted","verb":"watch","user":{"username":"system:serviceaccount:fastpix-system:fastpix-receiver"},` +
		`"objectRef":{"resource":"webhookendpoints"},"responseStatus":{"code":200}}` + "\n"
	content := write + watch + write[:40]
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	a := auditLog{file: file}
	r, err := a.read()
	if err != nil {
		t.Fatal(err)
	}
	if r.of(controllersAccount) != 1 || r.of(receiverAccount, controllersAccount) != 2 || r.lastStatus.Nanosecond() != 5e8 {
		t.Errorf("the first reading counts %v, last write %v", r.count, r.lastStatus)
	}
	if err := os.WriteFile(file, []byte(content+write[40:]), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = a.read(); err != nil || r.of(controllersAccount) != 1 || r.of(receiverAccount) != 0 {
		t.Errorf("the second reading counts %v, error %v", r.count, err)
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(99-i))
	}
	if p := percentile(values, 0.99); p != 99 {
		t.Errorf("p99 is %d", p)
	}
	if m := median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("median is %v", m)
	}
	if d := drift(90, 110); d != 0.2 {
		t.Errorf("drift is %v", d)
	}
}

func TestFigureStandsAgainstItsBar(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, floor, bar float64
		below, want       bool
	}{
		"a rate that reaches its bar":            {4000, 1000, 4, false, true},
		"a rate that does not":                   {3999, 1000, 4, false, false},
		"a latency below its bar":                {4, 10, 0.5, true, true},
		"a latency at its bar":                   {5, 10, 0.5, true, false},
		"nothing measured is not below anything": {0, 10, 0.5, true, false},
	} {
		if f := newFigure("", "", c.value, c.floor, c.bar, c.below); f.Met != c.want {
			t.Errorf("%s: met is %v", name, f.Met)
		}
	}
}
