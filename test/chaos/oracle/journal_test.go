// This test protects what finds a loss that mirrors do not show: every single event that was acknowledged and not committed is missed,
// also if a later delivery of it was committed.
package oracle

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestJournalMissesEverySingleEvent(t *testing.T) {
	t.Parallel()
	scenarios, err := workload.LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		records := recordsOf(t, workload.NewHistory(rand.New(rand.NewPCG(1, 2)), &workload.Tenant{Namespace: "a"}, s))
		records = records[:min(len(records), 30)] // the hot scenario has hundreds
		acknowledged := map[string]time.Time{}
		for _, r := range records {
			acknowledged[eventKey(r)] = r.Received.Add(time.Second)
		}
		if lost := journalOf(t, records).missing(acknowledged); len(lost) > 0 {
			t.Errorf("%s: of all events %q are missing", s.Name, lost)
		}
		for i, r := range records {
			others := slices.Delete(slices.Clone(records), i, i+1)
			if lost := journalOf(t, others).missing(acknowledged); !slices.Equal(lost, []string{eventKey(r)}) {
				t.Errorf("%s: %s was lost and %q is missing", s.Name, eventKey(r), lost)
			}
			later := *r
			later.Received = metav1.NewMicroTime(r.Received.Add(time.Minute))
			if lost := journalOf(t, append(others, &later)).missing(acknowledged); !slices.Equal(lost, []string{eventKey(r)}) {
				t.Errorf("%s: %s was lost, came again later, and %q is missing", s.Name, eventKey(r), lost)
			}
			if lost := journalOf(t, append(others, &later, r)).missing(acknowledged); len(lost) > 0 {
				t.Errorf("%s: %s came twice, and %q is missing", s.Name, eventKey(r), lost)
			}
		}
	}
}

func TestJournalKnowsObservations(t *testing.T) {
	t.Parallel()
	o := event.Absent(record.MediaAsset, fixtures.MediaA)
	r := o.Record(event.Reply{Date: time.Now(), Received: time.Now()}, types.NamespacedName{Namespace: "a", Name: "fastpix"}, "")
	j := journalOf(t, []*record.Record{r, r})
	if got := j.Observations("a")[r.Key(0)]; len(got) != 1 || got[0].ID != r.ID || !j.HasObservation(r.Key(0), r.ID) {
		t.Errorf("got %v", got)
	}
	if got := j.Observations("b"); len(got) > 0 || j.HasObservation(r.Key(0), "another") || len(j.received) > 0 {
		t.Errorf("of others: %v; as events: %v", got, j.received)
	}
}

func TestJournalReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]string{"no JSON": "{", "no record": `{"spec":{"events":["{"]}}`} {
		j := NewJournal()
		j.add([]byte(stored), 7)
		if len(j.problems) != 1 || j.revision != 7 {
			t.Errorf("%s: revision %d, problems %v", name, j.revision, j.problems)
		}
	}
}

func recordsOf(t *testing.T, l *workload.History) []*record.Record {
	t.Helper()
	records := make([]*record.Record, len(l.Events))
	for i, e := range l.Events {
		var err error
		if records[i], err = recordOf(e); err != nil {
			t.Fatal(err)
		}
	}
	return records
}

// journalOf returns what is known after the records were committed in one batch.
func journalOf(t *testing.T, records []*record.Record) *Journal {
	t.Helper()
	var batch fastpixv1.EventBatch
	for _, r := range records {
		text, err := record.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		batch.Spec.Events = append(batch.Spec.Events, text)
	}
	stored, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	j := NewJournal()
	j.add(stored, 1)
	return j
}
