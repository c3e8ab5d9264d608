package oracle

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
)

func TestHistoriesFollowFromTheirSeedAndAreDecoded(t *testing.T) {
	scenarios, err := workload.LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	tenants := []*workload.Tenant{{Namespace: "a"}, {Namespace: "b"}}
	send := func(seed uint64) (ids []string, o *Oracle) {
		o = New()
		g := workload.NewGenerator(rand.New(rand.NewPCG(seed, 0)), tenants, scenarios, 20)
		for range 2000 {
			for _, e := range g.Next() {
				ids = append(ids, e.Tenant.Namespace+"/"+e.ID)
				o.Record(e)
			}
		}
		return ids, o
	}
	ids, o := send(7)
	mirrors, err := o.Mirrors()
	if err != nil {
		t.Error(err)
	}
	if events, deliveries := o.Counts(); len(mirrors) < 100 || events < 1800 || deliveries-events < 400 {
		t.Errorf("%d mirrors of %d events, acknowledged %d times", len(mirrors), events, deliveries)
	}
	untimed := 0
	for _, records := range mirrors {
		for _, r := range records {
			if r.Untimed {
				untimed++
			}
		}
	}
	if untimed == 0 {
		t.Error("no clock is absurd")
	}
	if again, _ := send(7); !slices.Equal(ids, again) {
		t.Error("one seed makes different histories")
	}
}
