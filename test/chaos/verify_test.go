// This test protects the verdict: a mirror that lacks its newest event is found, and one that lacks nothing is not. About half of the
// events leave no trace in a mirror once newer ones have come (see the package comment): these are for the journal to miss.
package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func TestComparisonFindsWhatIsLost(t *testing.T) {
	scenarios, err := workload.LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	o := oracle.New()
	for _, e := range workload.NewHistory(rand.New(rand.NewPCG(1, 2)), &workload.Tenant{Namespace: "a"}, scenarios[0]).Events {
		o.Record(e)
	}
	mirrors, err := o.Mirrors()
	if len(mirrors) != 1 || err != nil {
		t.Fatalf("%d mirrors, %v", len(mirrors), err)
	}
	for key, records := range mirrors {
		mirrorOf := func(records []*record.Record) *fastpixv1.MediaAsset {
			m := &fastpixv1.MediaAsset{Spec: fastpixv1.MediaAssetSpec{
				MediaID: oracle.IDOf(key, records), EndpointRef: fastpixv1.EndpointReference{Name: tenant.EndpointName},
			}}
			m.Status = projection.MediaAsset(m.Status, oracle.IDOf(key, records), records)
			projection.SettleMediaAsset(&m.Status, m.Generation, time.Now().Add(time.Hour), time.Minute)
			return m
		}
		foreign := mirrorOf(records)
		foreign.Spec.EndpointRef.Name = "another"
		for name, tt := range map[string]struct {
			object    any
			want      comparison
			wantFails int
		}{
			"all is there":          {mirrorOf(records), comparison{mirrors: 1}, 0},
			"one event is lost":     {mirrorOf(withoutNewest(records, mirrorOf(records))), comparison{wrong: 1, lost: 1}, 1},
			"its spec is wrong":     {foreign, comparison{wrong: 1, lost: 1}, 1},
			"the mirror is deleted": {nil, comparison{wrong: 1, lost: len(records)}, 1},
		} {
			t.Run(name, func(t *testing.T) {
				var c comparison
				r := &testEnv{}
				c.compare(r, key, records, tt.object)
				if c != tt.want || len(r.failed) != tt.wantFails {
					t.Errorf("got %+v with %d failures, want %+v with %d", c, len(r.failed), tt.want, tt.wantFails)
				}
			})
		}
	}
}

func withoutNewest(records []*record.Record, m *fastpixv1.MediaAsset) []*record.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r *record.Record) bool { return r.ID == m.Status.LastEvent.ID })
}

func TestDigestShowsLaterChanges(t *testing.T) {
	t.Parallel()
	m := &fastpixv1.MediaAsset{Spec: fastpixv1.MediaAssetSpec{MediaID: "a"}}
	before := digestOf(m)
	m.Status.Conditions = []metav1.Condition{{Type: fastpixv1.ConditionReady}}
	m.Status.Timer = fastpixv1.TimerUpload
	if digestOf(m) != before {
		t.Error("what depends on the clock counts")
	}
	m.Status.State = "ready"
	if digestOf(m) == before {
		t.Error("a state does not count")
	}
	if digestOf(nil) == before || digestOf(nil) == digestOf(&fastpixv1.LiveStream{}) {
		t.Error("a mirror that is deleted does not count")
	}
}
