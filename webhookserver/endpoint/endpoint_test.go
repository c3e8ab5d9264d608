// These tests protect what a user sees of an endpoint: conditions say what to do next. The receiver writes the status only when it has
// changed, and keeps what the controllers and the syncer wrote.
package endpoint

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
)

// reconcilerEnv is a reconciler of one endpoint with a fake API server and its own clock.
type reconcilerEnv struct {
	t          *testing.T
	api        client.Client
	secrets    *receivertest.SecretStore
	recorder   *events.FakeRecorder
	reconciler *Reconciler
	now        time.Time
	writes     int
}

func newReconcilerEnv(t *testing.T, e *fastpixv1.WebhookEndpoint, secrets ...*corev1.Secret) *reconcilerEnv {
	t.Helper()
	r := &reconcilerEnv{t: t, now: time.Now(), secrets: &receivertest.SecretStore{Secrets: map[string]*corev1.Secret{}}, recorder: events.NewFakeRecorder(100)}
	for _, s := range secrets {
		r.secrets.Secrets[s.Name] = s
	}
	r.api = fake.NewClientBuilder().WithScheme(receivertest.Scheme()).WithObjects(e).WithStatusSubresource(e).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: func(
			ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption,
		) error {
			r.writes++
			return c.SubResource(sub).Update(ctx, obj, opts...)
		}}).Build()
	now := func() time.Time { return r.now }
	d := NewDirectory(r.secrets, now)
	options := Options{ExternalURL: "https://hooks.example.com/", OperatorNamespace: "fastpix-system"}
	r.reconciler = &Reconciler{
		Directory: d, Reader: r.api, Update: NewStatusUpdater(r.api, "fastpix-receiver"), Recorder: r.recorder, Options: options, Now: now,
	}
	r.inform()
	return r
}

// inform passes the stored endpoint to the directory, as the informer does.
func (r *reconcilerEnv) inform() *fastpixv1.WebhookEndpoint {
	r.t.Helper()
	var e fastpixv1.WebhookEndpoint
	if err := r.api.Get(r.t.Context(), receivertest.Name, &e); err != nil {
		r.t.Fatal(err)
	}
	r.reconciler.Directory.Set(&e)
	return &e
}

// reconcile reconciles the endpoint once. It returns the stored endpoint and the requeue interval.
func (r *reconcilerEnv) reconcile() (*fastpixv1.WebhookEndpoint, time.Duration) {
	r.t.Helper()
	result, err := r.reconciler.Reconcile(r.t.Context(), ctrl.Request{NamespacedName: receivertest.Name})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.inform(), result.RequeueAfter
}

func condition(e *fastpixv1.WebhookEndpoint, kind string) metav1.Condition {
	if c := apimeta.FindStatusCondition(e.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

func TestConditionsSayWhatToDo(t *testing.T) {
	t.Parallel()
	otherType := receivertest.Secret("signing", fixtures.SigningSecret)
	otherType.Type = corev1.SecretTypeOpaque
	otherKey := receivertest.Secret("signing", fixtures.SigningSecret)
	otherKey.Data = map[string][]byte{"other": []byte(fixtures.SigningSecret)}
	immutable := receivertest.Secret("signing", "")
	immutable.Immutable = new(true)
	const (
		create  = "\nkubectl -n video create secret generic signing --type=video.fastpix.com/signing-secret --from-literal=signing-secret='the signing secret that FastPix shows'\n"
		patch   = "\nkubectl -n video patch secret signing --type=merge -p '{\"stringData\":{\"signing-secret\":\"the signing secret that FastPix shows\"}}'\n"
		replace = "\nkubectl -n video delete secret signing" + create
	)
	twoKeys := func(e *fastpixv1.WebhookEndpoint) {
		e.Spec.SigningSecrets = append(e.Spec.SigningSecrets, fastpixv1.SigningSecretReference{Name: "signing", Key: "next"})
	}
	forbidden := apierrors.NewForbidden(corev1.Resource("secrets"), "signing", nil)
	for name, tc := range map[string]struct {
		endpoint    func(*fastpixv1.WebhookEndpoint)
		secrets     []*corev1.Secret
		fail        error
		wantStatus  metav1.ConditionStatus
		wantReason  string
		wantMessage []string
		wantAlso    string // the only other condition, if any
		wantPace    time.Duration
	}{
		"accepting": {secrets: []*corev1.Secret{receivertest.Secret("signing", fixtures.SigningSecret)}, wantStatus: "True", wantReason: fastpixv1.ReasonAccepting,
			wantMessage: []string{"1 of 1"}, wantPace: readyInterval},
		"one of two": {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{receivertest.Secret("signing", fixtures.SigningSecret)}, wantStatus: "True",
			wantReason: fastpixv1.ReasonAccepting, wantMessage: []string{"1 of 2", "Secret video/second does not exist"}, wantPace: setupInterval},
		"no secret": {wantStatus: "False", wantReason: fastpixv1.ReasonSecretNotFound, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval,
			wantMessage: []string{"Secret video/signing does not exist. Create it:" + create}},
		"forbidden": {endpoint: twoKeys, fail: forbidden, wantStatus: "False", wantReason: fastpixv1.ReasonSecretForbidden, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval,
			wantMessage: []string{"Grant the permission:\n" +
				"kubectl -n video create role fastpix-read-signing --verb=get --resource=secrets --resource-name=signing\n" +
				"kubectl -n video create rolebinding fastpix-read-signing --role=fastpix-read-signing --serviceaccount=fastpix-system:fastpix-receiver\n" +
				"Until then"}},
		"unavailable": {fail: receivertest.ErrUnavailable, wantStatus: "False", wantReason: fastpixv1.ReasonSecretUnreadable, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"other type": {secrets: []*corev1.Secret{otherType}, wantStatus: "False", wantReason: fastpixv1.ReasonSecretInvalid,
			wantMessage: []string{"it is not of type video.fastpix.com/signing-secret", replace}, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"other key": {secrets: []*corev1.Secret{otherKey}, wantStatus: "False", wantReason: fastpixv1.ReasonSecretInvalid,
			wantMessage: []string{`it has no key "signing-secret"`, patch}, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"not base64": {secrets: []*corev1.Secret{receivertest.Secret("signing", "hunter2!")}, wantStatus: "False", wantReason: fastpixv1.ReasonSecretInvalid,
			wantMessage: []string{"not base64", patch}, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"empty": {secrets: []*corev1.Secret{receivertest.Secret("signing", " \n")}, wantStatus: "False", wantReason: fastpixv1.ReasonSecretInvalid,
			wantMessage: []string{"the signing secret is empty", patch}, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"immutable": {secrets: []*corev1.Secret{immutable}, wantStatus: "False", wantReason: fastpixv1.ReasonSecretInvalid,
			wantMessage: []string{"It cannot be changed", replace}, wantAlso: fastpixv1.ConditionReconciling, wantPace: setupInterval},
		"one key of two": {endpoint: twoKeys, secrets: []*corev1.Secret{receivertest.Secret("signing", fixtures.SigningSecret)}, wantStatus: "True", wantReason: fastpixv1.ReasonAccepting,
			wantMessage: []string{"1 of 2", `it has no key "next". Store it:` + strings.TrimSuffix(strings.ReplaceAll(patch, `"signing-secret"`, `"next"`), "\n")}, wantPace: setupInterval},
		"encoded twice": {secrets: []*corev1.Secret{receivertest.Secret("signing", base64.StdEncoding.EncodeToString([]byte(fixtures.SigningSecret)))}, wantStatus: "True",
			wantReason: fastpixv1.ReasonAccepting, wantMessage: []string{"1 of 1"}, wantAlso: fastpixv1.ConditionKeyEncodedTwice, wantPace: readyInterval},
		"short": {secrets: []*corev1.Secret{receivertest.Secret("signing", "c2hvcnQ=")}, wantStatus: "True", wantReason: fastpixv1.ReasonAccepting,
			wantAlso: fastpixv1.ConditionWeakKey, wantPace: readyInterval},
		"suspended": {endpoint: receivertest.Suspended, secrets: []*corev1.Secret{receivertest.Secret("signing", fixtures.SigningSecret)}, wantStatus: "False",
			wantReason: fastpixv1.ReasonSuspended, wantAlso: fastpixv1.ConditionStalled, wantPace: readyInterval},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := receivertest.Endpoint()
			if tc.endpoint != nil {
				tc.endpoint(e)
			}
			r := newReconcilerEnv(t, e, tc.secrets...)
			r.secrets.Err = tc.fail
			got, pause := r.reconcile()
			ready := condition(got, fastpixv1.ConditionReady)
			if ready.Status != tc.wantStatus || ready.Reason != tc.wantReason || ready.ObservedGeneration != 1 || got.Status.ObservedGeneration != 1 {
				t.Errorf("got %+v", ready)
			}
			for _, want := range tc.wantMessage {
				if !strings.Contains(ready.Message, want) {
					t.Errorf("got message %q, want it to hold %q", ready.Message, want)
				}
			}
			if strings.Contains(ready.Message, "hunter2") {
				t.Errorf("the message quotes the secret: %s", ready.Message)
			}
			if strings.Count(ready.Message, "rolebinding") > 1 {
				t.Errorf("the message says one thing twice: %s", ready.Message)
			}
			if want := min(len(tc.wantAlso), 1) + 1; len(got.Status.Conditions) != want || tc.wantAlso != "" && condition(got, tc.wantAlso).Status != "True" {
				t.Errorf("got conditions %+v", got.Status.Conditions)
			}
			if pause < tc.wantPace || pause > tc.wantPace*12/10 {
				t.Errorf("requeued after %v, want about %v", pause, tc.wantPace)
			}
			if got.Status.Path != receivertest.Path || got.Status.URL != "https://hooks.example.com"+receivertest.Path {
				t.Errorf("got path %q, url %q", got.Status.Path, got.Status.URL)
			}
			if len(r.recorder.Events) != 1 {
				t.Errorf("got %d Events, want 1", len(r.recorder.Events))
			}
		})
	}
}

func TestStatusIsWrittenOnlyWhenItSaysSomethingNew(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	r.reconcile()
	for range 5 {
		r.now = r.now.Add(readyInterval)
		r.reconcile()
	}
	if r.writes != 1 || r.secrets.Reads != 6 || len(r.recorder.Events) != 1 {
		t.Errorf("got %d writes, %d reads of Secrets, %d Events; want 1, 6, 1", r.writes, r.secrets.Reads, len(r.recorder.Events))
	}
	r.secrets.Secrets = nil
	r.now = r.now.Add(readyInterval)
	e, _ := r.reconcile()
	if ready := condition(e, fastpixv1.ConditionReady); ready.Reason != fastpixv1.ReasonSecretNotFound || r.writes != 2 || len(r.recorder.Events) != 2 {
		t.Errorf("got %+v after %d writes", ready, r.writes)
	}
}

func TestStatusKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	at := metav1.NewMicroTime(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	r := newReconcilerEnv(t, receivertest.Endpoint(receivertest.TwoSecrets), receivertest.Secret("signing", fixtures.SigningSecret), receivertest.Secret("second", receivertest.OtherSecret))
	e, _ := r.reconcile()
	e.Status.PendingEvents, e.Status.FailedEvents, e.Status.PendingTime, e.Status.LastEventTime = 5, 2, &at, &at
	e.Status.SigningSecrets[1].LastVerifiedTime = &at
	apimeta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{Type: fastpixv1.ConditionTooManyAssets, Status: "True", Reason: "Many"})
	sync := writeSync(e)
	if err := r.api.Status().Update(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e = r.inform()
	// The secrets change their order. What was recorded about a key stays with the key.
	e.Spec.SigningSecrets[0], e.Spec.SigningSecrets[1] = e.Spec.SigningSecrets[1], e.Spec.SigningSecrets[0]
	e.Generation = 2
	if err := r.api.Update(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	r.inform()
	got, _ := r.reconcile()
	if got.Status.PendingEvents != 5 || got.Status.FailedEvents != 2 || got.Status.PendingTime == nil || got.Status.LastEventTime == nil ||
		condition(got, fastpixv1.ConditionTooManyAssets).Status != "True" {
		t.Errorf("got %+v", got.Status)
	}
	sync.check(t, got)
	keys := got.Status.SigningSecrets
	if keys[0].Name != "second" || keys[0].LastVerifiedTime == nil || keys[1].LastVerifiedTime != nil || keys[0].Fingerprint == keys[1].Fingerprint {
		t.Errorf("got %+v", keys)
	}
}

// syncResult is what the syncer wrote into a status.
type syncResult struct {
	status fastpixv1.SyncStatus
	synced metav1.Condition
}

// writeSync writes into the status what the syncer writes there.
func writeSync(e *fastpixv1.WebhookEndpoint) syncResult {
	at := metav1.NewMicroTime(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	e.Status.Sync = &fastpixv1.SyncStatus{
		LastStartedTime: &at, LastCompletedTime: &at, HandledRequest: "now", WorkspaceID: "workspace",
		MediaAssets: 5, LiveStreams: 4, Created: 3, Repaired: 2, Deleted: 1,
	}
	apimeta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{
		Type: fastpixv1.ConditionSynced, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonSynced, Message: "9 objects.", ObservedGeneration: e.Generation,
	})
	return syncResult{*e.Status.Sync.DeepCopy(), condition(e, fastpixv1.ConditionSynced)}
}

// check checks that the endpoint still has what the syncer wrote.
func (s syncResult) check(t *testing.T, e *fastpixv1.WebhookEndpoint) {
	t.Helper()
	if e.Status.Sync == nil || !equality.Semantic.DeepEqual(*e.Status.Sync, s.status) {
		t.Errorf("status.sync is %+v, want %+v", e.Status.Sync, s.status)
	}
	if got := condition(e, fastpixv1.ConditionSynced); got.Reason != s.synced.Reason || got.Message != s.synced.Message || got.ObservedGeneration != s.synced.ObservedGeneration {
		t.Errorf("Synced is %+v, want %+v", got, s.synced)
	}
}

// TestStatusOfAnEndpointThatPollsIsLeftAlone protects the status of an endpoint without signing secrets, which the syncer writes. It also protects the
// secrets that the endpoint had: the receiver does not keep them.
func TestStatusOfAnEndpointThatPollsIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	e, _ := r.reconcile()
	withSecret := e.Spec
	setSpec := func(generation int64, change func(*fastpixv1.WebhookEndpoint)) {
		t.Helper()
		change(e)
		e.Generation = generation
		if err := r.api.Update(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		r.inform()
	}
	setSpec(2, receivertest.PollingOnly)
	e.Status.Path, e.Status.URL, e.Status.SigningSecrets, e.Status.ObservedGeneration = "", "", nil, 2
	apimeta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{
		Type: fastpixv1.ConditionReady, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonPollingOnly, ObservedGeneration: 2,
	})
	sync := writeSync(e)
	if err := r.api.Status().Update(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	before := r.inform()
	r.writes, r.secrets.Reads, r.now = 0, 0, r.now.Add(keys.Lifetime/2)
	e, pause := r.reconcile()
	if r.writes != 0 || r.secrets.Reads != 0 || pause != 0 || len(r.recorder.Events) != 1 || !equality.Semantic.DeepEqual(e.Status, before.Status) {
		t.Errorf("got %d writes, %d reads of Secrets, requeued after %v, %d Events, status %+v", r.writes, r.secrets.Reads, pause, len(r.recorder.Events), e.Status)
	}
	d := r.reconciler.Directory
	if got := d.Get(receivertest.Name).Keys.Usable(&withSecret); len(got.Keys) != 0 || len(d.byFingerprint) != 0 {
		t.Errorf("%d keys are kept, and %d fingerprints", len(got.Keys), len(d.byFingerprint))
	}
	setSpec(3, func(e *fastpixv1.WebhookEndpoint) { e.Spec.SigningSecrets = withSecret.SigningSecrets })
	e, _ = r.reconcile()
	if condition(e, fastpixv1.ConditionReady).Reason != fastpixv1.ReasonAccepting || e.Status.Path != receivertest.Path || len(e.Status.SigningSecrets) != 1 {
		t.Errorf("with a signing secret again, the status is %+v", e.Status)
	}
	sync.check(t, e)
}

func TestStaleCopyIsNotWritten(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	var e fastpixv1.WebhookEndpoint
	if err := r.api.Get(t.Context(), receivertest.Name, &e); err != nil {
		t.Fatal(err)
	}
	e.Spec.Suspend, e.Generation = true, 2
	if err := r.api.Update(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
	if _, _ = r.reconcile(); r.writes != 0 {
		t.Error("wrote conditions about a spec that has changed")
	}
	if got, _ := r.reconcile(); condition(got, fastpixv1.ConditionReady).Reason != fastpixv1.ReasonSuspended {
		t.Errorf("got %+v", got.Status.Conditions)
	}
}

func TestConflictEndsTheReconciliation(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	r.reconciler.Update = func(context.Context, *fastpixv1.WebhookEndpoint) error {
		return apierrors.NewConflict(corev1.Resource("x"), "x", nil)
	}
	r.reconcile()
	if len(r.recorder.Events) != 0 {
		t.Error("a status that was not written is recorded")
	}
}

func TestFrequentReadsEndAfterSetup(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint())
	if _, pause := r.reconcile(); pause > 2*setupInterval {
		t.Errorf("requeued after %v at first", pause)
	}
	r.now = r.now.Add(setupPeriod + time.Second)
	if _, pause := r.reconcile(); pause < idleInterval {
		t.Errorf("requeued after %v later", pause)
	}
	e := r.inform().DeepCopy()
	e.Spec.Suspend, e.Generation = true, 2
	r.reconciler.Directory.Set(e)
	if _, pause := r.reconcile(); pause > 2*setupInterval {
		t.Errorf("requeued after %v when it changed", pause)
	}
}

// TestManyEndpointsAreReadLessOften protects the API server from a namespace with thousands of endpoints that are not ready.
func TestManyEndpointsAreReadLessOften(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint())
	for i := range 10*setupEndpoints - 1 {
		other := receivertest.Endpoint()
		other.Name, other.UID = fmt.Sprint("other-", i), types.UID(fmt.Sprint("uid-", i))
		r.reconciler.Directory.Set(other)
	}
	if _, pause := r.reconcile(); pause < 9*setupInterval || pause > idleInterval {
		t.Errorf("requeued after %v beside %d others", pause, 10*setupEndpoints-1)
	}
}

// TestUsableKeyIsReadAgainBeforeItExpires has one of two Secrets missing, in a namespace with many endpoints. The other key must survive one
// failed read.
func TestUsableKeyIsReadAgainBeforeItExpires(t *testing.T) {
	t.Parallel()
	object := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) {
		e.Spec.SigningSecrets = append(e.Spec.SigningSecrets, fastpixv1.SigningSecretReference{Name: "missing"})
	})
	r := newReconcilerEnv(t, object, receivertest.Secret("signing", fixtures.SigningSecret))
	for i := range 100 * setupEndpoints {
		other := receivertest.Endpoint()
		other.Name, other.UID = fmt.Sprint("other-", i), types.UID(fmt.Sprint("uid-", i))
		r.reconciler.Directory.Set(other)
	}
	if _, pause := r.reconcile(); 2*pause >= keys.Lifetime {
		t.Errorf("requeued after %v: a key expires after %v", pause, keys.Lifetime)
	}
}

func TestKeysOfADeletedEndpointAreDropped(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	e, _ := r.reconcile()
	d := r.reconciler.Directory
	d.Remove(e)
	if d.Get(receivertest.Name) != nil {
		t.Fatal("the endpoint is still in the directory")
	}
	if _, err := r.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: receivertest.Name}); err != nil {
		t.Error(err)
	}
	again := e.DeepCopy()
	again.UID = "uid-2"
	d.Set(again)
	d.Remove(e) // a late deletion of the old endpoint
	if got := d.Get(receivertest.Name); got == nil || len(got.Keys.Usable(&again.Spec).Keys) != 0 {
		t.Error("the new endpoint is missing, or has the keys of the old one")
	}
}

func TestNamespaceIsRemovedWithItsLastEndpoint(t *testing.T) {
	t.Parallel()
	d := NewDirectory(&receivertest.SecretStore{}, time.Now)
	first, second := receivertest.Endpoint(), receivertest.Endpoint()
	second.Name, second.UID = "second", "uid-2"
	d.Set(first)
	d.Set(second)
	d.Remove(first)
	if len(d.tenants) != 1 {
		t.Errorf("the directory holds %d namespaces, want 1", len(d.tenants))
	}
	d.Remove(second)
	if len(d.tenants) != 0 {
		t.Errorf("the directory holds %d namespaces without an endpoint", len(d.tenants))
	}
}

func TestMalformedDeliveriesAreShownAtABoundedRate(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint())
	for range 10 {
		r.reconciler.ReportMalformed(r.reconciler.Directory.Get(receivertest.Name), receivertest.ErrUnavailable)
	}
	r.now = r.now.Add(malformedInterval)
	r.reconciler.ReportMalformed(r.reconciler.Directory.Get(receivertest.Name), receivertest.ErrUnavailable)
	if len(r.recorder.Events) != 2 {
		t.Errorf("got %d Events, want 2", len(r.recorder.Events))
	}
}

func TestSharedKeysAreWarnedAbout(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status != "" {
		t.Fatalf("an endpoint alone has conditions %v", e.Status.Conditions)
	}
	neighbour, foreign := receivertest.Endpoint(), receivertest.Endpoint()
	neighbour.Name, neighbour.UID = "neighbour", "uid-neighbour"
	foreign.Namespace, foreign.Name, foreign.UID = "elsewhere", "foreign", "uid-foreign"
	reconcileOther := func(other *fastpixv1.WebhookEndpoint) { // as its reconciliation does
		r.reconciler.Directory.Set(other)
		e := r.reconciler.Directory.Get(client.ObjectKeyFromObject(other))
		e.Keys.Refresh(t.Context(), &other.Spec, r.now)
		r.reconciler.Directory.sharedKeyCondition(e)
	}
	reconcileOther(neighbour)
	reconcileOther(foreign)
	e, _ := r.reconcile()
	message := condition(e, fastpixv1.ConditionSharedKey).Message
	if !strings.Contains(message, "neighbour, an endpoint of another namespace") || strings.Contains(message, "foreign") {
		t.Errorf("the warning says %q", message)
	}
	for i := range 2 * maxNamedEndpoints {
		another := neighbour.DeepCopy()
		another.Name, another.UID = fmt.Sprintf("neighbour-%02d", i), types.UID(fmt.Sprint("uid-", i))
		reconcileOther(another)
		defer r.reconciler.Directory.Remove(another)
	}
	e, _ = r.reconcile()
	if message := condition(e, fastpixv1.ConditionSharedKey).Message; !strings.Contains(message, "neighbour-08, other endpoints of this namespace, an endpoint of another") {
		t.Errorf("with many others the warning says %q", message)
	}
}

// TestSharedKeyWarningDoesNotRevealAWeakKey protects a namespace with a short key from users who may write Secrets in another one.
func TestSharedKeyWarningDoesNotRevealAWeakKey(t *testing.T) {
	t.Parallel()
	const short = "c2hvcnQ="
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", short))
	r.reconcile()
	reconcileOther := func(namespace string) {
		other := receivertest.Endpoint()
		other.Namespace, other.Name, other.UID = namespace, "other", types.UID("uid-"+namespace)
		r.reconciler.Directory.Set(other)
		e := r.reconciler.Directory.Get(client.ObjectKeyFromObject(other))
		e.Keys.Refresh(t.Context(), &other.Spec, r.now)
		r.reconciler.Directory.sharedKeyCondition(e)
	}
	reconcileOther("elsewhere")
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status != "" {
		t.Errorf("a short key shows that another namespace accepts it: %v", e.Status.Conditions)
	}
	reconcileOther(receivertest.Endpoint().Namespace)
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status == "" {
		t.Error("a short key that two endpoints of one namespace accept is not warned about")
	}
}

func TestSharedKeyEndsWithTheOthers(t *testing.T) {
	t.Parallel()
	r := newReconcilerEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", fixtures.SigningSecret))
	neighbour := receivertest.Endpoint()
	neighbour.Name, neighbour.UID = "neighbour", "uid-neighbour"
	d := r.reconciler.Directory
	d.Set(neighbour)
	e := d.Get(client.ObjectKeyFromObject(neighbour))
	e.Keys.Refresh(t.Context(), &neighbour.Spec, r.now)
	d.sharedKeyCondition(e)
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status == "" {
		t.Fatalf("a neighbour with the same key is not warned about: %v", e.Status.Conditions)
	}
	d.Remove(neighbour)
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status == "" {
		t.Error("the warning ends at once, although a receiver that has just started has not read the keys of the neighbour")
	}
	r.now = r.now.Add(keys.Lifetime)
	if e, _ := r.reconcile(); condition(e, fastpixv1.ConditionSharedKey).Status != "" {
		t.Errorf("the warning stays when the neighbour is deleted: %v", e.Status.Conditions)
	}
	d.sharedKeyCondition(e) // as a reconciliation that was running does
	d.Remove(receivertest.Endpoint())
	if len(d.byFingerprint) != 0 {
		t.Errorf("keys of deleted endpoints are still in the index: %v", d.byFingerprint)
	}
}
