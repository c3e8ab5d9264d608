package previous

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// untouched returns the mirrors of a namespace that the previous release wrote last.
func (r *run) untouched(t *testing.T, namespace string) map[record.Key]bool {
	t.Helper()
	found := map[record.Key]bool{}
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(string(kind) + "List"))
		if err := r.admin.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			lines, _, err := unstructured.NestedSlice(list.Items[i].Object, "status", "recentEvents")
			if err != nil {
				t.Fatal(err)
			}
			if len(lines) > 0 {
				if _, isObject := lines[0].(map[string]any); isObject {
					found[record.Key{Kind: kind, Namespace: namespace, Name: list.Items[i].GetName()}] = true
				}
			}
		}
	}
	return found
}

// asCurrent writes into a mirror what the current release writes with the same facts. An upgrade rewrites no mirror by itself: until its next event it
// has the messages of the previous release in its conditions. Until the next event with its playback ids it has access rules that allow everyone.
func asCurrent(mirror any, untouched bool) {
	switch m := mirror.(type) {
	case *fastpixv1.MediaAsset:
		withoutDefaults(m.Status.PlaybackIDs)
		if untouched {
			projection.SettleMediaAsset(&m.Status, m.Generation, time.Now(), time.Hour)
		}
	case *fastpixv1.LiveStream:
		withoutDefaults(m.Status.PlaybackIDs)
		if untouched {
			projection.SettleLiveStream(&m.Status, m.Generation, time.Now(), time.Hour)
		}
	}
}

func withoutDefaults(ids []fastpixv1.PlaybackID) {
	everyone := func(rule *fastpixv1.AccessRule) bool {
		return rule == nil || rule.DefaultPolicy == "allow" && len(rule.Allow) == 0 && len(rule.Deny) == 0
	}
	for i := range ids {
		restrictions := ids[i].AccessRestrictions
		if restrictions == nil {
			continue
		}
		if everyone(restrictions.Domains) {
			restrictions.Domains = nil
		}
		if everyone(restrictions.UserAgents) {
			restrictions.UserAgents = nil
		}
		if restrictions.Domains == nil && restrictions.UserAgents == nil {
			ids[i].AccessRestrictions = nil
		}
	}
}

// checkJournal checks that the journal has held every acknowledged event.
func (r *run) checkJournal(t *testing.T) {
	t.Helper()
	framework.Eventually(t, "the journal has held every acknowledged event", func(context.Context) error {
		if lost := r.load.oracle.MissingFrom(r.journal); len(lost) > 0 {
			return fmt.Errorf("%d events, among them %v", len(lost), lost[0])
		}
		return r.journal.Err()
	})
}

// checkMirrors waits until every event is folded, and checks that every mirror is what the acknowledged events make of it.
func (r *run) checkMirrors(t *testing.T) {
	t.Helper()
	r.checkJournal(t)
	took := r.waitJournalEmpty(t)
	found := map[record.Key]any{}
	if err := oracle.Collect(t.Context(), r.admin, r.webhooks.Namespace, found); err != nil {
		t.Fatal(err)
	}
	mirrors, err := r.load.oracle.Mirrors()
	if err != nil {
		t.Fatal(err)
	}
	untouched := r.untouched(t, r.webhooks.Namespace)
	for key, records := range mirrors {
		asCurrent(found[key], untouched[key])
		if difference, _ := oracle.Compare(key, records, found[key]); difference != "" {
			t.Error(difference)
		}
		delete(found, key)
	}
	for key := range found {
		t.Errorf("%s exists, and no acknowledged event is about it", key)
	}
	events, _ := r.load.oracle.Counts()
	t.Logf("the journal was empty after %v: %d events, %d mirrors, %d of them as the previous release wrote them", took, events, len(mirrors), len(untouched))
}

// checkApply checks that users can still apply a mirror that the previous release wrote, as GitOps and pipelines do.
func (r *run) checkApply(t *testing.T) {
	t.Helper()
	for key := range r.untouched(t, r.webhooks.Namespace) {
		if key.Kind != record.MediaAsset {
			continue
		}
		file := filepath.Join(r.Dir, "media.yaml")
		manifest := fmt.Sprintf("apiVersion: video.fastpix.com/v1alpha1\nkind: MediaAsset\nmetadata: {name: %s, namespace: %s, labels: {a: b}}\nspec: {mediaID: %s}\n",
			key.Name, key.Namespace, key.Name)
		if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"--server-side=true", "--server-side=false"} {
			if _, err := r.Kubectl(t.Context(), "apply", how, "-f", file); err != nil {
				t.Error(err)
			}
		}
		return
	}
	t.Error("every mirror has had an event since the upgrade, so that none can show what becomes of older ones")
}
