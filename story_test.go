package main

import (
	"bytes"
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/diff"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

var update = flag.Bool("update", false, "write what the stories lead to into test/framework/fixtures/golden")

// TestStoriesToldInOrder protects what every single event leads to, and, with -update, records the final statuses.
func TestStoriesToldInOrder(t *testing.T) {
	e := newEndpoint(t)
	for _, step := range fixtures.Steps() {
		e.mustDeliver(t, recent(step.File))
		for _, want := range step.Then {
			if err := controlplane.WaitMirror(t.Context(), deployment.admin, e.namespace, want); err != nil {
				t.Fatalf("after %s: %v", step.File, err)
			}
		}
	}
	waitFolded(t)
	if *update {
		e.writeGolden(t)
	}
	e.checkGolden(t)
}

// TestStoriesInAnyOrder protects that the mirrors are a function of the set of events: told in any order, at once, and some
// of them several times, the stories end in the same statuses, byte for byte.
func TestStoriesInAnyOrder(t *testing.T) {
	var files []string
	for _, step := range fixtures.Steps() {
		files = append(files, step.File)
	}
	reversed := make([]string, len(files))
	for i, f := range files {
		reversed[len(files)-1-i] = f
	}
	shuffle := func(s []string) []string {
		s = append([]string(nil), s...)
		rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		return s
	}
	thrice := append(append(shuffle(files), files...), shuffle(files)...)
	tests := map[string]struct {
		files   []string
		senders int
	}{
		"backwards, one by one":           {reversed, 1},
		"shuffled, by eight senders":      {shuffle(files), 8},
		"three times, shuffled, at once":  {shuffle(thrice), 32},
		"told, then told again in order":  {append(append([]string(nil), files...), files...), 1},
		"told, then told again backwards": {append(append([]string(nil), files...), reversed...), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			var bodies [][]byte
			for _, file := range tt.files {
				bodies = append(bodies, recent(file))
			}
			if err := e.deliverAll(t.Context(), bodies, tt.senders); err != nil {
				t.Fatal(err)
			}
			waitFolded(t)
			e.checkGolden(t)
			if t.Failed() {
				t.Logf("told in the order\n%s", strings.Join(tt.files, "\n"))
			}
		})
	}
}

// TestStoriesFromTheFuture protects what is left of order when this machine's clock is years behind the platform's: no
// event's time is believed, and yet every event leads to the same state.
func TestStoriesFromTheFuture(t *testing.T) {
	e := newEndpoint(t)
	for _, step := range fixtures.Steps() {
		e.mustDeliver(t, bytes.ReplaceAll(fixtures.Payload(step.File), []byte("2026-11-"), []byte("2126-11-")))
		for _, want := range step.Then {
			if err := controlplane.WaitMirror(t.Context(), deployment.admin, e.namespace, want); err != nil {
				t.Fatalf("after %s: %v", step.File, err)
			}
		}
	}
}

// deliverAll delivers bodies with several senders, each taking the next one, until all are acknowledged.
func (e endpoint) deliverAll(ctx context.Context, bodies [][]byte, senders int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan []byte)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for body := range next {
				if err := e.deliver(ctx, body); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, body := range bodies {
		next <- body
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// golden is where the status of one mirror is kept, as every telling of the stories must leave it.
func golden(m fixtures.Mirror) string {
	return filepath.Join("test", "framework", "fixtures", "golden", strings.ToLower(m.Kind)+"-"+m.ID+".yaml")
}

// checkGolden checks that the stories ended as always, in a namespace where nothing else was told.
func (e endpoint) checkGolden(t *testing.T) {
	t.Helper()
	e.checkStories(t)
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		if err := deployment.admin.List(t.Context(), list, client.InNamespace(e.namespace)); err != nil {
			t.Fatal(err)
		}
		for _, name := range names(t, list) {
			if !slices.ContainsFunc(fixtures.Final(), func(m fixtures.Mirror) bool { return m.ID == name }) {
				t.Errorf("%T has %s, of which no story tells", list, name)
			}
		}
	}
}

// checkStories checks that every mirror of the stories is as the golden files have it.
func (e endpoint) checkStories(t *testing.T) {
	t.Helper()
	for _, m := range fixtures.Final() {
		if err := controlplane.CheckMirror(t.Context(), deployment.admin, e.namespace, m); err != nil {
			t.Error(err)
		}
		checkStatus(t, m, e.status(t, m))
	}
}

func checkStatus(t *testing.T, m fixtures.Mirror, got string) {
	t.Helper()
	want, err := os.ReadFile(golden(m))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s %s is not as %s has it:\n%s", m.Kind, m.ID, golden(m), diff.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
	}
}

func (e endpoint) writeGolden(t *testing.T) {
	t.Helper()
	for _, m := range fixtures.Final() {
		if err := os.MkdirAll(filepath.Dir(golden(m)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden(m), []byte(e.status(t, m)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The stories are told as if they had ended yesterday, whatever day it is: an event from the future would be untimed.
var toRecentDays, toStoryDays = func() (there, back *strings.Replacer) {
	storyDays := []string{"2026-11-20T", "2026-11-21T", "2026-11-22T"}
	var forth, reverse []string
	for i, day := range storyDays {
		recently := time.Now().UTC().AddDate(0, 0, i-len(storyDays)).Format("2006-01-02T")
		forth, reverse = append(forth, day, recently), append(reverse, recently, day)
	}
	return strings.NewReplacer(forth...), strings.NewReplacer(reverse...)
}()

// recent returns a sample with its story's days moved to the recent past.
func recent(file string) []byte { return []byte(toRecentDays.Replace(string(fixtures.Payload(file)))) }

// status returns a mirror's status on its story's days, without what depends on the clock: times of transitions and timers.
func (e endpoint) status(t *testing.T, m fixtures.Mirror) string {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(m.Kind))
	if err := deployment.admin.Get(t.Context(), client.ObjectKey{Namespace: e.namespace, Name: m.ID}, u); err != nil {
		t.Fatal(err)
	}
	status, _, err := unstructured.NestedMap(u.Object, "status")
	if err != nil {
		t.Fatal(err)
	}
	delete(status, "timerTime")
	conditions, _, err := unstructured.NestedSlice(status, "conditions")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conditions {
		delete(c.(map[string]any), "lastTransitionTime")
	}
	status["conditions"] = conditions
	b, err := yaml.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return toStoryDays.Replace(string(b))
}
