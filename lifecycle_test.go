package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect what happens around events: adoption, a changed spec, tombstones that go and stay gone, records that cannot be
// folded, and rotation of a signing secret.

func (e endpoint) asset(t *testing.T, id string) (*fastpixv1.MediaAsset, error) {
	t.Helper()
	var a fastpixv1.MediaAsset
	err := deployment.admin.Get(t.Context(), client.ObjectKey{Namespace: e.namespace, Name: id}, &a)
	return &a, err
}

// waitState waits until an asset is in a state.
func (e endpoint) waitState(t *testing.T, id, state string) *fastpixv1.MediaAsset {
	t.Helper()
	var a fastpixv1.MediaAsset
	eventually(t, "asset "+id+" is "+state, func(ctx context.Context) error {
		if err := deployment.admin.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: id}, &a); err != nil {
			return err
		}
		if a.Status.State != state {
			return fmt.Errorf("it is %q", a.Status.State)
		}
		return nil
	})
	return &a
}

// edit changes the endpoint's spec.
func (e endpoint) edit(t *testing.T, change func(*fastpixv1.WebhookEndpointSpec)) {
	t.Helper()
	eventually(t, "the endpoint is changed", func(ctx context.Context) error {
		whe := e.read(t)
		change(&whe.Spec)
		return deployment.admin.Update(ctx, whe)
	})
}

func (e endpoint) read(t *testing.T) *fastpixv1.WebhookEndpoint {
	t.Helper()
	var whe fastpixv1.WebhookEndpoint
	if err := deployment.admin.Get(t.Context(), client.ObjectKey{Namespace: e.namespace, Name: "fastpix"}, &whe); err != nil {
		t.Fatal(err)
	}
	return &whe
}

func TestAppliedAssetIsAdoptedAndItsSpecMayChange(t *testing.T) {
	e := newEndpoint(t)
	id, _ := newAsset()
	// Applied before FastPix says anything, its id written in capitals.
	create(t, &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: id}, Spec: fastpixv1.MediaAssetSpec{MediaID: strings.ToUpper(id)},
	})
	if a, err := e.asset(t, id); err != nil || a.Status.ObservedGeneration != -1 {
		t.Fatalf("before its first event: observedGeneration %d (%v)", a.Status.ObservedGeneration, err)
	}
	e.mustDeliver(t, bytes.ReplaceAll(recent("video.media.ready.json"), []byte("d003b383-bac0-42e9-a039-9bd4360f98a3"), []byte(id)))
	a := e.waitState(t, id, "Ready")

	a.Spec.EndpointRef.Name = "another"
	if err := deployment.admin.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the status catches up with the spec", func(context.Context) error {
		a, err := e.asset(t, id)
		if err != nil {
			return err
		}
		ready := apimeta.FindStatusCondition(a.Status.Conditions, fastpixv1.ConditionReady)
		if a.Generation < 2 || a.Status.ObservedGeneration != a.Generation || ready.ObservedGeneration != a.Generation {
			return fmt.Errorf("generation %d is observed as %d", a.Generation, a.Status.ObservedGeneration)
		}
		return nil
	})
}

func TestTombstoneGoesAndReplaysDoNotRaiseIt(t *testing.T) {
	e := newEndpoint(t)
	e.edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Retention.Deleted = &metav1.Duration{Duration: time.Second} })
	id, created := newAsset()
	deleted := bytes.ReplaceAll(recent("video.media.deleted.json"), []byte("d003b383-bac0-42e9-a039-9bd4360f98a3"), []byte(id))
	// The controllers' copy of the endpoint may be older than the edit: a first asset waits until the retention counts.
	e.mustDeliver(t, created)
	e.waitState(t, id, "Created")
	e.mustDeliver(t, deleted)
	eventually(t, "the tombstone is purged", func(context.Context) error {
		a, err := e.asset(t, id)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there, timer %q at %v (%w)", a.Status.Timer, a.Status.TimerTime, err)
	})
	if e.read(t).Status.PurgedThrough == nil {
		t.Error("the endpoint does not remember what was purged")
	}
	// The same event in other bytes, so that the receiver's memory of duplicates does not keep it.
	e.mustDeliver(t, append(deleted, ' '))
	waitFolded(t)
	if a, err := e.asset(t, id); !apierrors.IsNotFound(err) {
		t.Errorf("a replay raised the dead: %+v (%v)", a.Status, err)
	}
}

// What becomes due while nobody is there is done by the next leader: a tombstone goes, and a stream whose encoder did not come back is
// no longer in doubt.
func TestTimersFireAlthoughTheControllersWereDown(t *testing.T) {
	const seconds = 4
	e := newEndpoint(t)
	e.edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Retention.Deleted = &metav1.Duration{Duration: seconds * time.Second}
	})
	startAnew(t, deployment.controllers) // so that they know the retention
	t.Cleanup(func() { restart(t, deployment.controllers) })
	id, _ := newAsset()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	e.mustDeliver(t, fmt.Appendf(nil, `{"type":"video.media.deleted","id":"e1","object":{"type":"media","id":%q},"createdAt":%q}`, id, now))
	e.mustDeliver(t, fmt.Appendf(nil, `{"type":"video.live_stream.disconnected","id":"e2","object":{"type":"live","id":%q},"createdAt":%q,"data":{"reconnectWindow":%d}}`,
		fixtures.Stream, now, seconds))
	running := assetOf(id, "Deleted", "{.status.timer}", "Retention")
	waiting := streamOf(fixtures.Stream, "Disconnected", "{.status.timer}", "Reconnect", live, "Unknown")
	for _, want := range []fixtures.Mirror{running, waiting} {
		if err := controlplane.WaitMirror(t.Context(), deployment.admin, e.namespace, want); err != nil {
			t.Fatal(err)
		}
	}
	waitFolded(t)
	deployment.controllers.Kill()
	eventually(t, "both are due", func(ctx context.Context) error {
		var s fastpixv1.LiveStream
		a, err := e.asset(t, id)
		if err := errors.Join(err, deployment.admin.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: fixtures.Stream}, &s)); err != nil {
			return err
		}
		for _, at := range []*metav1.MicroTime{a.Status.TimerTime, s.Status.TimerTime} {
			if at == nil || time.Now().Before(at.Time) {
				return fmt.Errorf("a timer is due at %v", at)
			}
		}
		return nil
	})
	for _, want := range []fixtures.Mirror{running, waiting} {
		if err := controlplane.CheckMirror(t.Context(), deployment.admin, e.namespace, want); err != nil {
			t.Fatalf("without controllers: %v", err)
		}
	}
	restart(t, deployment.controllers)
	over := streamOf(fixtures.Stream, "Disconnected", "{.status.timer}", "", live, "False", `{.status.conditions[?(@.type=="Live")].reason}`, "WindowPassed")
	if err := controlplane.WaitMirror(t.Context(), deployment.admin, e.namespace, over); err != nil {
		t.Error(err)
	}
	eventually(t, "the tombstone is purged", func(context.Context) error {
		if _, err := e.asset(t, id); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there (%w)", err)
		}
		return nil
	})
}

// TestEventsAreMadeOnce protects what people see with kubectl describe: each Event once, however often FastPix tells of it.
func TestEventsAreMadeOnce(t *testing.T) {
	e := newEndpoint(t)
	startAnew(t, deployment.controllers) // no other test's burst leaves these out
	media := func(id string, bodies ...string) {
		for _, file := range bodies {
			body := bytes.ReplaceAll(recent(file), []byte(fixtures.MediaA), []byte(id))
			for range 3 {
				body = append(body, ' ') // other bytes, so that the receiver remembers none of them
				e.mustDeliver(t, body)
			}
			waitFolded(t)
		}
	}
	media(fixtures.MediaA, "video.media.created.json", "video.media.ready.json", "video.media.updated.json", "video.media.deleted.json")
	media(fixtures.MediaC, "video.media.created.failing.json", "video.media.failed.json")
	now := time.Now().UTC()
	for i, typ := range []string{"created", "active", "disconnected", "idle"} {
		body := fmt.Appendf(nil, `{"type":"video.live_stream.%s","id":"e%d","object":{"type":"live","id":%q},"createdAt":%q,"data":{"reconnectWindow":600}}`,
			typ, i, fixtures.Stream, now.Add(time.Duration(i-5)*time.Second).Format(time.RFC3339Nano))
		for range 3 {
			body = append(body, ' ')
			e.mustDeliver(t, body)
		}
		waitFolded(t)
	}
	want := []string{
		"LiveStream Ended", "LiveStream Interrupted", "LiveStream WentLive", "MediaAsset Deleted", "MediaAsset Failed", "MediaAsset Ready",
	}
	eventually(t, "all Events are there", func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := deployment.admin.List(ctx, &list, client.InNamespace(e.namespace)); err != nil {
			return err
		}
		var got []string
		for _, ev := range list.Items {
			if ev.Regarding.Kind != "WebhookEndpoint" {
				got = append(got, ev.Regarding.Kind+" "+ev.Reason)
				if ev.Series != nil {
					t.Errorf("%s was told %d times", ev.Reason, ev.Series.Count)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

func TestRecordThatCannotBeFoldedIsShownAndCostsNobodyElse(t *testing.T) {
	e := newEndpoint(t)
	mediaID := "a media " + string(uuid.NewUUID())
	name := record.ObjectName(mediaID) // a hash: any other name of another media's object the API server refuses
	squatter := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: name}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something else"}}
	create(t, squatter)
	e.mustDeliver(t, newEvent(mediaID))
	other, otherBody := newAsset()
	e.mustDeliver(t, otherBody)
	e.waitState(t, other, "Created")
	eventually(t, "the failed record is shown", func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := deployment.admin.List(ctx, &batches, client.InNamespace(operatorNamespace), client.MatchingLabels{fastpixv1.FailedLabel: "true"}); err != nil {
			return err
		}
		for _, b := range batches.Items {
			for _, f := range b.Status.Failed {
				if strings.HasSuffix(f.Object, e.namespace+"/"+name) && f.Reason == "NameTaken" && e.read(t).Status.FailedEvents == 1 {
					return nil
				}
			}
		}
		return fmt.Errorf("%d batches of failed records, the endpoint counts %d", len(batches.Items), e.read(t).Status.FailedEvents)
	})
	if err := metricIs(t.Context(), deployment.controllers, "fastpix_failed_events", 1); err != nil {
		t.Error(err)
	}
	eventually(t, "a Kubernetes Event tells the endpoint's owner", func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := deployment.admin.List(ctx, &events, client.InNamespace(e.namespace)); err != nil {
			return err
		}
		for _, event := range events.Items {
			if event.Regarding.Kind == "WebhookEndpoint" && event.Reason == "NameTaken" && strings.Contains(event.Note, name) {
				return nil
			}
		}
		return fmt.Errorf("none of %d Events does", len(events.Items))
	})
	if err := deployment.admin.Delete(t.Context(), squatter); err != nil {
		t.Fatal(err)
	}
	e.waitState(t, name, "Created") // by itself, at the first try half a minute after it failed
	waitFolded(t)
	eventually(t, "the endpoint counts no failure any more", func(context.Context) error {
		if n := e.read(t).Status.FailedEvents; n != 0 {
			return fmt.Errorf("it counts %d", n)
		}
		return nil
	})
}

// startAnew ends a process as a roll-out does and starts it again.
func startAnew(t *testing.T, p *controlplane.Operator) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	restart(t, p)
}

// deny refuses new mirrors of a kind in a namespace, by an admission policy, until allow is called. The probe is one of them.
func deny(t *testing.T, namespace, resource string, probe client.Object) (allow func()) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "no-" + resource + "-" + namespace}
	try := func(ctx context.Context) error {
		object := probe.DeepCopyObject().(client.Object)
		object.SetNamespace(namespace)
		object.SetName("probe")
		return deployment.admin.Create(ctx, object, client.DryRunAll)
	}
	create(t, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"video.fastpix.com"}, APIVersions: []string{"*"}, Resources: []string{resource}},
			}}},
		},
		Validations: []admissionv1.Validation{{Expression: "false", Message: "none here"}},
	}})
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: meta.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
	}}
	create(t, binding)
	eventually(t, "the policy is in force", func(ctx context.Context) error {
		if err := try(ctx); err == nil {
			return errors.New("a mirror is admitted")
		}
		return nil
	})
	return func() {
		t.Helper()
		if err := deployment.admin.Delete(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the policy is no longer in force", try)
	}
}

func TestTenantsPolicyFailsOnlyItsOwn(t *testing.T) {
	e, neighbour := newEndpoint(t), newEndpoint(t)
	// A policy of the tenant's own that refuses assets; a ResourceQuota would need kube-controller-manager.
	allow := deny(t, e.namespace, "mediaassets", &fastpixv1.MediaAsset{Spec: fastpixv1.MediaAssetSpec{MediaID: "probe"}})
	id, body := newAsset()
	e.mustDeliver(t, body)
	otherID, otherBody := newAsset()
	neighbour.mustDeliver(t, otherBody)
	neighbour.waitState(t, otherID, "Created")
	eventually(t, "the refusal is counted", func(context.Context) error {
		if n := e.read(t).Status.FailedEvents; n != 1 {
			return fmt.Errorf("%d failed events", n)
		}
		return nil
	})
	if n := neighbour.read(t).Status.FailedEvents; n != 0 {
		t.Errorf("the neighbour has %d failed events", n)
	}
	allow()
	startAnew(t, deployment.controllers)
	e.waitState(t, id, "Created")
	waitFolded(t)
}

func TestDeletedNamespaceTakesItsEventsAlong(t *testing.T) {
	e := newEndpoint(t)
	deployment.controllers.Kill()
	t.Cleanup(func() { restart(t, deployment.controllers) })
	_, body := newAsset()
	e.mustDeliver(t, body)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.namespace}}
	if err := deployment.admin.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	restart(t, deployment.controllers)
	waitFolded(t) // nothing can be created in a namespace that ends, and nothing waits for it
}

func TestEventsOfADeletedEndpointAreFolded(t *testing.T) {
	e := newEndpoint(t)
	deployment.controllers.Kill()
	t.Cleanup(func() { restart(t, deployment.controllers) })
	id, body := newAsset()
	e.mustDeliver(t, body)
	if err := deployment.admin.Delete(t.Context(), e.read(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the endpoint is not known any more", func(ctx context.Context) error {
		code, err := deployment.receiver.Post(ctx, e.path(), body, signed(body))
		if err == nil && code != http.StatusNotFound {
			err = fmt.Errorf("answer %d", code)
		}
		return err
	})
	restart(t, deployment.controllers)
	e.waitState(t, id, "Created")
	waitFolded(t)
}

func TestRotationWithoutLoss(t *testing.T) {
	e := newEndpoint(t)
	const next = "MaS7xleBUZ39xJ4A7zwNRLX2On3qyDduvYHg8sLNedA="
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: "signing-secret"}}
	post := func(key string) int {
		_, body := newAsset()
		status, err := deployment.receiver.Post(t.Context(), e.path(), body, fixtures.Sign(key, body))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := post(next); got != http.StatusUnauthorized {
		t.Fatalf("a key that is not configured: %d", got)
	}
	if err := deployment.admin.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
		t.Fatal(err)
	}
	secret.Data["next"] = []byte(next)
	if err := deployment.admin.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	e.edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.SigningSecrets = append(s.SigningSecrets, fastpixv1.SigningSecretReference{Name: "signing-secret", Key: "next"})
	})
	eventually(t, "the new key works at a delivery", func(context.Context) error {
		if got := post(next); got != http.StatusOK {
			return fmt.Errorf("answer %d", got)
		}
		return nil
	})
	if got := post(fixtures.SigningSecret); got != http.StatusOK {
		t.Errorf("the old key during rotation: %d", got)
	}
	eventually(t, "the status shows both keys and when they verified", func(context.Context) error {
		s := e.read(t).Status.SigningSecrets
		if len(s) != 2 || s[0].Fingerprint == s[1].Fingerprint || s[1].LastVerifiedTime == nil {
			return fmt.Errorf("signing secrets are %+v", s)
		}
		return nil
	})
	e.edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.SigningSecrets = s.SigningSecrets[1:] })
	eventually(t, "the old key stops", func(context.Context) error {
		if got := post(fixtures.SigningSecret); got != http.StatusUnauthorized {
			return fmt.Errorf("answer %d", got)
		}
		return nil
	})
	waitFolded(t)
}
