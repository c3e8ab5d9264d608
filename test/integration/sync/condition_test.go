// These tests protect what a user sees when something is wrong: each fault has its reason, the message says what to do, and nothing is lost.
package sync

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// secret reads the API Secret of the workspace.
func (w *workspace) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	var s corev1.Secret
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: w.endpoint.Namespace, Name: tenant.APISecretName}, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// editSecret changes the data of the API Secret.
func (w *workspace) editSecret(t *testing.T, tokenID, secretKey string) {
	t.Helper()
	s := w.secret(t)
	s.StringData = map[string]string{fastpixv1.APICredentialsTokenIDKey: tokenID, fastpixv1.APICredentialsSecretKeyKey: secretKey}
	if err := framework.Deployed.Admin.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// checkMessage checks that the message of a condition says what to do, and holds no credentials.
func (w *workspace) checkMessage(t *testing.T, c *metav1.Condition, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(c.Message, part) {
			t.Errorf("%s does not say %q: %s", c.Reason, part, c.Message)
		}
	}
	for _, credential := range []string{w.access.TokenID, w.access.SecretKey} {
		if strings.Contains(c.Message, credential) {
			t.Errorf("%s shows a credential: %s", c.Reason, c.Message)
		}
	}
}

func TestCredentials(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(1)
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.CredentialsSecret.Name = "another" })
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsForbidden), "kubectl -n "+w.endpoint.Namespace+" create rolebinding", "--resource-name=another", "fastpix-syncer")
	for _, o := range tenant.SecretRights(w.endpoint.Namespace, "another", tenant.SyncerAccount) {
		framework.Create(t, o)
	}
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsNotFound), "create secret generic another --type="+fastpixv1.APICredentialsType)
	framework.Create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.endpoint.Namespace, Name: "another"},
		StringData: map[string]string{fastpixv1.APICredentialsTokenIDKey: w.access.TokenID, fastpixv1.APICredentialsSecretKeyKey: w.access.SecretKey},
	})
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsInvalid), "has another type", fastpixv1.APICredentialsType)

	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)

	// People paste line breaks along.
	w.editSecret(t, "\n "+w.access.TokenID+"\r\n", w.access.SecretKey+"\n")
	w.run(t)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.editSecret(t, "", w.access.SecretKey)
	w.run(t)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsInvalid), "the token id is empty")
	w.editSecret(t, w.access.TokenID, "two words")
	w.run(t)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsInvalid), "the secret key")
	w.editSecret(t, w.access.TokenID, string(uuid.NewUUID()))
	w.run(t)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonCredentialsInvalid), "401", "Store an access token")
	w.editSecret(t, w.access.TokenID, w.access.SecretKey)
	w.run(t)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.fake.Deny(w.access, true)
	w.run(t)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonAccessDenied), "403", "permission to read media and live streams")
}

// TestCredentialsAreRotatedDuringARun protects a run whose access token is replaced: it goes on with the new one.
func TestCredentialsAreRotatedDuringARun(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(120)
	next := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	pages := 0
	w.fake.Inject(fastpixfake.Fault{Path: "/v1/on-demand", Before: func(*http.Request) {
		if pages++; pages == 2 {
			w.fake.Grant(w.Workspace, next)
			w.editSecret(t, next.TokenID, next.SecretKey)
			w.fake.Revoke(w.access)
		}
	}})
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 120)
}

// TestAPIFaults protects a run from an API that gives no usable answer: the condition says so, and the run goes on where it stopped. The tests of the client hold
// more such answers.
func TestAPIFaults(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(120)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	for name, tt := range map[string]struct {
		fault  fastpixfake.Fault
		reason string
	}{
		"500":           {fastpixfake.Status(500, ""), fastpixv1.ReasonAPIUnavailable},
		"429":           {fastpixfake.Status(429, "1"), fastpixv1.ReasonRateLimited},
		"a redirect":    {fastpixfake.Redirect("http://127.0.0.1:1/"), fastpixv1.ReasonAPIUnavailable},
		"404 of others": {fastpixfake.HTML(404), fastpixv1.ReasonAPIUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			row := w.Media(ids[0])
			row["title"] = name
			w.PutMedia(row)
			waitForNextDate()
			tt.fault.Path = "/v1/on-demand"
			w.fake.Inject(tt.fault)
			w.annotate(t, fastpixv1.SyncRequestedAtAnnotation, name)
			w.checkMessage(t, w.waitReason(t, tt.reason))
			w.fake.Heal()
			if s := w.waitHandled(t, name); s.Repaired != 1 || s.MediaAssets != 120 {
				t.Errorf("status.sync is %+v", s)
			}
			w.waitReason(t, fastpixv1.ReasonSynced)
		})
	}
}

func TestWorkspaceMismatch(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(3)
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.WorkspaceID = "another-workspace" })
	w.configure(t, nil)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonWorkspaceMismatch), w.ID, "another-workspace", "spec.workspaceID")
	w.waitAssets(t, 0)
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.WorkspaceID = strings.ToUpper(w.ID) })
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 3)

	// The token of another workspace by mistake: the mirrors of the first one are not called missing.
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.WorkspaceID = "" })
	w.waitReason(t, fastpixv1.ReasonSynced)
	other := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	second := w.fake.AddWorkspace(string(uuid.NewUUID()), other)
	second.PutMedia(fastpixfake.NewMedia(string(uuid.NewUUID()), old()))
	w.editSecret(t, other.TokenID, other.SecretKey)
	w.run(t)
	w.waitReason(t, fastpixv1.ReasonWorkspaceMismatch)
	w.waitAssets(t, 3)

	// Nothing of an empty workspace says that it is another one, so a person decides.
	empty := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	w.fake.AddWorkspace(string(uuid.NewUUID()), empty)
	w.editSecret(t, empty.TokenID, empty.SecretKey)
	if s := w.run(t); s.Deleted != 0 {
		t.Errorf("the run says %+v", s)
	}
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonTooManyMissing), "3 mirrors", "Check the credentials and the workspace")
}

// TestMassDeletionNeedsAPerson protects the mirrors from an accident: an empty workspace deletes nothing until a person confirms just that number.
func TestMassDeletionNeedsAPerson(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(40)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 40)
	for _, id := range ids[:12] {
		w.DeleteMedia(id)
	}
	w.run(t)
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonTooManyMissing), "12 mirrors", fastpixv1.SyncConfirmMissingAnnotation+"=12")
	w.endpoint.WaitState(t, ids[0], "Ready")
	w.annotate(t, fastpixv1.SyncConfirmMissingAnnotation, "11")
	w.run(t)
	w.waitReason(t, fastpixv1.ReasonTooManyMissing)
	w.endpoint.WaitState(t, ids[0], "Ready")
	w.annotate(t, fastpixv1.SyncConfirmMissingAnnotation, "12")
	w.waitReason(t, fastpixv1.ReasonSynced)
	for _, id := range ids[:12] {
		w.endpoint.WaitState(t, id, "Deleted")
	}
	w.endpoint.WaitState(t, ids[12], "Ready")
	// The confirmation does not let another number go.
	for _, id := range ids[12:25] {
		w.DeleteMedia(id)
	}
	w.run(t)
	w.waitReason(t, fastpixv1.ReasonTooManyMissing)
	// A person brings one back: an answer that shows the object takes back that it is missing.
	w.PutMedia(fastpixfake.NewMedia(ids[0], old()))
	w.run(t)
	w.endpoint.WaitState(t, ids[0], "Ready")
}

func TestWhatIsCreated(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(4)
	recent := string(uuid.NewUUID())
	w.PutMedia(fastpixfake.NewMedia(recent, time.Now().Add(-10*time.Minute)))
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.MaxObjects = 4 })
	w.checkMessage(t, w.waitReason(t, fastpixv1.ReasonTooManyObjects), "spec.sync.maxObjects")
	w.waitAssets(t, 0)
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.Backfill = fastpixv1.BackfillExisting })
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 0)
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.CreatedWithin = &metav1.Duration{Duration: 30 * time.Minute} })
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 1)
	w.endpoint.WaitState(t, recent, "Ready")
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 5)
}

// TestPollingOnlyEndpoint protects an endpoint that takes no webhooks, in a cluster that takes no ingress.
func TestPollingOnlyEndpoint(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(2)
	w.configure(t, nil)
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.SigningSecrets = nil })
	ready := func(status, reason string) {
		t.Helper()
		framework.Eventually(t, "Ready is "+reason, func(context.Context) error {
			e := w.endpoint.Read(t)
			c := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
			if c == nil || string(c.Status) != status || c.Reason != reason || c.ObservedGeneration != e.Generation || e.Status.Path != "" || len(e.Status.SigningSecrets) > 0 {
				return fmt.Errorf("the status is %+v", e.Status)
			}
			return nil
		})
	}
	ready("True", fastpixv1.ReasonPollingOnly)
	w.waitAssets(t, 2)
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = true })
	ready("False", fastpixv1.ReasonSuspended)
	w.addMedia(1)
	w.annotate(t, fastpixv1.SyncRequestedAtAnnotation, "while suspended")
	<-time.After(2 * time.Second) // longer than a run takes
	if s := w.endpoint.Read(t).Status.Sync; s.HandledRequest != "" {
		t.Errorf("a run ended while the endpoint was suspended: %+v", s)
	}
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = false })
	ready("True", fastpixv1.ReasonPollingOnly)
	w.waitAssets(t, 3)
	w.fake.Revoke(w.access)
	w.run(t)
	ready("False", fastpixv1.ReasonCredentialsInvalid)
}

// TestRepairsAreReported protects what tells a user that webhooks do not arrive: a Kubernetes Event and a metric.
func TestRepairsAreReported(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(2)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	lost := string(uuid.NewUUID())
	w.PutMedia(fastpixfake.NewMedia(lost, old()))
	w.run(t)
	framework.Eventually(t, "an Event names the repair", func(context.Context) error {
		text := framework.Kubectl(t, "-n", w.endpoint.Namespace, "get", "events", "-o", "custom-columns=R:.reason,M:.message")
		lines := strings.Split(text, "\n")
		for _, want := range []string{"WebhooksMissed Webhooks did not arrive; 1 mirrors created, 0 repaired, 0 deleted: " + lost, "Backfilled"} {
			found := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(strings.Join(strings.Fields(line), " "), want) })
			if !found {
				return fmt.Errorf("no %q in %s", want, text)
			}
		}
		return nil
	})
	for name, want := range map[string]float64{
		`fastpix_sync_repairs_total{cause="repair",change="created",kind="MediaAsset"}`:   1,
		`fastpix_sync_repairs_total{cause="backfill",change="created",kind="MediaAsset"}`: 2,
		`fastpix_sync_runs_total{result="Synced"}`:                                        2,
	} {
		if err := framework.CheckMetric(t.Context(), w.syncer, name, want); err != nil {
			t.Error(err)
		}
	}
}
