package controllers

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/diff"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// This test protects a journal that an older version wrote. For every version of records, testdata/journal has the records that
// its receiver or syncer wrote for every sample. These files never change. Beside each is the result of this version.

var update = flag.Bool("update", false, "write what the records of released versions are folded into")

func TestBatchesOfEveryReleasedVersionFold(t *testing.T) {
	for version := 1; version <= record.ObservationVersion; version++ {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			file := fmt.Sprintf("testdata/journal/v%d.jsonl", version)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := newFakeClient(t, interceptor.Funcs{}, &fastpixv1.EventBatch{
				ObjectMeta: metav1.ObjectMeta{Namespace: testSystem, Name: "old", UID: types.UID("uid-old"), CreationTimestamp: metav1.NewTime(testStart)},
				Spec:       fastpixv1.EventBatchSpec{Events: strings.Split(strings.TrimSpace(string(text)), "\n")},
			})
			if err := newTestEnv(t, c).run(); err != nil {
				t.Fatal(err)
			}
			if left := batches(t, c); len(left) > 0 {
				t.Errorf("not folded: %s", mustJSON(t, left[0].Status.Failed))
			}
			golden := strings.TrimSuffix(file, ".jsonl") + ".golden"
			got := mirrors(t, c)
			if got == "" {
				t.Error("folded into nothing")
			}
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("folded into something else:\n%s", diff.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
			}
		})
	}
}
