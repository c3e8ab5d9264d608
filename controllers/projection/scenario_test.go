package projection

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the results of the scenarios in testdata/*.txtar. A scenario is a comment that says what happened on the platform, and these
// files:
//
//	NN.json           one record in JSON, without the fields that every record has
//	purge             the names of mirrors that are purged at this point
//	settle            a time at which the mirrors are settled
//	KIND.ID.yaml      the resulting status of a mirror, written by -update
//
// Between purges, the records are folded in every order, one by one and all at once. The result must be the same.

var update = flag.Bool("update", false, "write the results into the scenarios")

func TestScenarios(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runScenario(t, string(text))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !*update && got != string(text) {
				t.Errorf("the scenario has another result, see -update:\n%s", got)
			}
		})
	}
}

// runScenario returns the scenario with its resulting statuses.
func runScenario(t *testing.T, text string) string {
	t.Helper()
	comment, files := parseArchive(text)
	mirrors := map[string]mirror{}
	var pending []*record.Record
	for i, f := range files {
		switch {
		case strings.HasSuffix(f.name, ".json"):
			pending = append(pending, scenarioRecord(t, f.data))
		case f.name == "purge":
			foldEveryWay(t, mirrors, pending)
			pending = nil
			for name := range strings.FieldsSeq(f.data) {
				delete(mirrors, name)
			}
		case f.name == "settle":
			foldEveryWay(t, mirrors, pending)
			pending = nil
			now, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(f.data))
			if err != nil {
				t.Fatal(err)
			}
			for name, m := range mirrors {
				mirrors[name] = m.settle(now)
			}
		case strings.HasSuffix(f.name, ".yaml"):
			foldEveryWay(t, mirrors, pending)
			pending = nil
			files[i].data = scenarioStatus(t, mirrors, strings.TrimSuffix(f.name, ".yaml"))
		default:
			t.Fatalf("a scenario has no file %s", f.name)
		}
	}
	if len(pending) > 0 {
		t.Fatal("records after the last status")
	}
	return formatArchive(comment, files)
}

func scenarioRecord(t *testing.T, text string) *record.Record {
	t.Helper()
	r := newRecord("", "")
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	r.Untimed = r.Untimed || r.Time == nil
	if record.IsObservation(r.Type) {
		r.Version = record.ObservationVersion
	}
	encoded, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := record.Decode(encoded)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return decoded
}

func scenarioStatus(t *testing.T, mirrors map[string]mirror, name string) string {
	t.Helper()
	m, ok := mirrors[name]
	if !ok {
		return "# There is no such mirror.\n"
	}
	out, err := yaml.Marshal(m.status())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// foldEveryWay folds records into all the mirrors they touch, in every order.
func foldEveryWay(t *testing.T, mirrors map[string]mirror, records []*record.Record) {
	t.Helper()
	for _, r := range records {
		for _, c := range r.Changes {
			name := string(c.Kind) + "." + c.ID
			if _, ok := mirrors[name]; !ok {
				m := blank(c.Kind)
				m.id = c.ID
				mirrors[name] = m
			}
		}
	}
	for name, before := range mirrors {
		want := before.fold(records...)
		for order := range permutations(records) {
			got := before
			for _, r := range order {
				got = got.stored().fold(r)
			}
			if all := before.fold(order...); got.json() != want.json() || all.json() != want.json() {
				t.Fatalf("in another order:\ngot\n%s\nor\n%s\nwant\n%s", got.json(), all.json(), want.json())
			}
		}
		mirrors[name] = want
	}
}

// permutations yields every order of at most six elements, and some orders of more.
func permutations[T any](all []T) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		if len(all) > 6 {
			reversed := slices.Clone(all)
			slices.Reverse(reversed)
			_ = yield(all) && yield(reversed) && yield(append(slices.Clone(all[3:]), all[:3]...))
			return
		}
		permute(slices.Clone(all), 0, yield)
	}
}

func permute[T any](all []T, from int, yield func([]T) bool) bool {
	if from >= len(all) {
		return yield(all)
	}
	for i := from; i < len(all); i++ {
		all[from], all[i] = all[i], all[from]
		if !permute(all, from+1, yield) {
			return false
		}
		all[from], all[i] = all[i], all[from]
	}
	return true
}

func TestArchiveFormatIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	const text = "What happened.\nTwice.\n-- 01.json --\n{}\n-- empty --\n-- not a marker\n-- last --\nx\n"
	comment, files := parseArchive(text)
	if comment != "What happened.\nTwice.\n" || len(files) != 3 || files[1] != (file{"empty", "-- not a marker\n"}) {
		t.Errorf("got %q, %q", comment, files)
	}
	if got := formatArchive(comment, files); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}
