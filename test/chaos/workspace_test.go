// This test protects the verdict on lost webhooks: a mirror that does not show what the workspace says is found, and one that does is not.
package main

import (
	"testing"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func TestComparisonFindsLostWebhooksThatSurvive(t *testing.T) {
	id, gone, created := fastpixfake.MediaID(1), fastpixfake.MediaID(2), time.Now().Add(-time.Hour)
	newTenant := func() *workload.Tenant {
		w := fastpixfake.New().AddWorkspace(fastpixfake.MediaID(3), fastpixfake.Access{})
		w.PutMedia(fastpixfake.NewMedia(id, created))
		return &workload.Tenant{Namespace: "a", Workspace: &workload.Workspace{Workspace: w}}
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: "a", Name: id}
	mirrorOf := func(id string) *fastpixv1.MediaAsset {
		tt := newTenant()
		media, _ := tt.Workspace.Rows()
		r, err := observe(tt, record.MediaAsset, media[0])
		if err != nil {
			t.Fatal(err)
		}
		m := &fastpixv1.MediaAsset{Spec: fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: fastpixv1.EndpointReference{Name: tenant.EndpointName}}}
		m.Status = projection.MediaAsset(m.Status, r.Changes[0].ID, []*record.Record{r})
		return m
	}
	renamed, living, deleted := mirrorOf(id), mirrorOf(gone), mirrorOf(gone)
	renamed.Status.Title = "an older title"
	deleted.Status.State = record.StateDeleted
	goneKey := record.Key{Kind: record.MediaAsset, Namespace: "a", Name: gone}
	webhook := []byte(`{"type":"video.media.updated","id":"e1","object":{"type":"media","id":"` + id + `"},"data":{"id":"` + id + `","status":"Ready"}}`)
	for name, tt := range map[string]struct {
		found     map[record.Key]any
		lost      bool
		want      comparison
		wantFails int
	}{
		"all is repaired":                  {map[record.Key]any{key: mirrorOf(id)}, true, comparison{repaired: 1}, 0},
		"a deletion is repaired":           {map[record.Key]any{key: mirrorOf(id), goneKey: deleted}, true, comparison{repaired: 1}, 0},
		"a field is not":                   {map[record.Key]any{key: renamed}, true, comparison{survived: 1}, 1},
		"a mirror is not made":             {map[record.Key]any{}, true, comparison{survived: 1}, 1},
		"a field differs and none is lost": {map[record.Key]any{key: renamed}, false, comparison{wrong: 1}, 1},
		"a deletion is not":                {map[record.Key]any{key: mirrorOf(id), goneKey: living}, false, comparison{wrong: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var c comparison
			r, tenant := &testEnv{}, newTenant()
			if tt.lost {
				tenant.Workspace.Lose(&workload.Event{Tenant: tenant, ID: "e1", Body: webhook})
			}
			if err := c.compareWorkspace(r, tenant, tt.found); err != nil {
				t.Fatal(err)
			}
			if c != tt.want || len(r.failed) != tt.wantFails {
				t.Errorf("got %+v with %d failures, want %+v with %d", c, len(r.failed), tt.want, tt.wantFails)
			}
		})
	}
}

func TestVerdictOnLostWebhooks(t *testing.T) {
	t.Parallel()
	p := newReport()
	p.compared = comparison{mirrors: 10, repaired: 3}
	if err := p.verdict(); err != nil {
		t.Errorf("all webhooks were repaired: %v", err)
	}
	p.compared.survived = 1
	if p.verdict() == nil {
		t.Error("a lost webhook survived, and the run passes")
	}
}
