package plugin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// finding is one result of the doctor.
type finding struct{ Check, About, State, What, Mend, MissingRight string }

// examine runs the doctor, and returns what it found and its exit code.
func examine(t *testing.T, c call) ([]finding, int) {
	t.Helper()
	c.args = append([]string{"doctor", "-o", "json"}, c.args...)
	got := c.run(t)
	var report struct{ Results []finding }
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, got.out, got.problem)
	}
	return report.Results, got.code
}

// wellInstallation makes what the control plane of tests does not have: pods that are ready, leaders, and an HTTPS server in front of the receiver. It
// returns that server's present behaviour, which a test may change, and a function that gives the receiver its own arguments again.
func wellInstallation(t *testing.T) (ingress *http.HandlerFunc, restore func()) {
	t.Helper()
	for _, name := range []string{"fastpix-receiver", "fastpix-controller-manager", "fastpix-syncer"} {
		setReadyReplicas(t, name, -1)
		t.Cleanup(func() { setReadyReplicas(t, name, 0) }) // as the other tests expect it
	}
	for _, name := range []string{"fastpix-controller-manager", "fastpix-syncer"} {
		lease := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: name},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: new(name + "-0_1"), RenewTime: new(metav1.NowMicro()), LeaseDurationSeconds: new(int32(3600)),
			},
		}
		framework.Create(t, lease)
		t.Cleanup(func() { _ = framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), lease) })
	}
	receiver, err := url.Parse(framework.Deployed.Receiver.ReceiverURL)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(httputil.NewSingleHostReverseProxy(receiver).ServeHTTP)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r) }))
	t.Cleanup(server.Close)
	t.Setenv("SSL_CERT_FILE", file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return &handler, setExternalURL(t, server.URL)
}

// setReadyReplicas sets how many pods of a Deployment are ready: all if the number is negative. No kubelet would.
func setReadyReplicas(t *testing.T, name string, ready int32) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // a cleanup calls it, too
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var d appsv1.Deployment
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: framework.OperatorNamespace, Name: name}, &d); err != nil {
			return err
		}
		if ready < 0 {
			ready = *d.Spec.Replicas
		}
		d.Status.Replicas, d.Status.ReadyReplicas = *d.Spec.Replicas, ready
		return framework.Deployed.Admin.Status().Update(ctx, &d)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// setExternalURL restarts the receiver with an external URL. The function that it returns restarts it without.
func setExternalURL(t *testing.T, to string) (restore func()) {
	t.Helper()
	r := framework.Deployed.Receiver
	before := r.Args
	r.Args = append(slices.Clone(before), "--external-url="+to)
	framework.Restart(t, r)
	return func() {
		r.Args = before
		framework.Restart(t, r)
	}
}

// ownSecret returns a signing secret that no other endpoint accepts: the doctor would warn of that.
func ownSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return base64.StdEncoding.EncodeToString(secret)
}

// TestDoctorFindsWhatIsBroken protects those who look for a fault: an installation that is well passes every check, and each fault is found by its check
// alone, with a mend. The faults are real, and each is mended before the next.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	ingress, restore := wellInstallation(t)
	defer restore()
	e := framework.NewEndpointWith(t, framework.SigningSecretOf(ownSecret()))
	waitURL(t, e)
	e.WaitReady(t)

	results, code := examine(t, call{args: []string{"-n", e.Namespace}})
	for _, r := range results {
		if r.State != "pass" && r.Check != "monitoring" {
			t.Errorf("the installation is well, and the doctor says %+v", r)
		}
	}
	if code != 0 || len(results) < 12 {
		t.Fatalf("it exits with %d and finds %+v", code, results)
	}

	for _, fault := range []struct {
		name, check, state, what string
		do                       func(t *testing.T) // it also plans to mend it
	}{
		{"no pod is ready", "deployments", "fail", "none of 2 pods is ready", func(t *testing.T) {
			t.Helper()
			setReadyReplicas(t, "fastpix-receiver", 0)
			t.Cleanup(func() { setReadyReplicas(t, "fastpix-receiver", -1) })
		}},
		{"a pod is not ready", "deployments", "warn", "1 of 2 pods are ready", func(t *testing.T) {
			t.Helper()
			setReadyReplicas(t, "fastpix-receiver", 1)
			t.Cleanup(func() { setReadyReplicas(t, "fastpix-receiver", -1) })
		}},
		{"two versions", "versions", "warn", "the parts have different versions", func(t *testing.T) {
			t.Helper()
			framework.Kubectl(t, "set", "image", "-n", framework.OperatorNamespace, "deployment/fastpix-syncer", "*=fastpix-operator:other")
			t.Cleanup(func() {
				kubectl(t, "set", "image", "-n", framework.OperatorNamespace, "deployment/fastpix-syncer", "*=fastpix-operator:dev")
			})
		}},
		{"nobody leads", "leaders", "fail", "has not renewed the lease fastpix-controller-manager since", func(t *testing.T) {
			t.Helper()
			patch := func(at time.Time) {
				kubectl(t, "patch", "lease", "-n", framework.OperatorNamespace, "fastpix-controller-manager", "--type=merge",
					"-p", fmt.Sprintf(`{"spec":{"renewTime":%q}}`, at.UTC().Format("2006-01-02T15:04:05.000000Z")))
			}
			patch(time.Now().Add(-2 * time.Hour))
			t.Cleanup(func() { patch(time.Now()) })
		}},
		{"a clock is ahead", "clocks", "fail", "the clock of fastpix-syncer-0 and that of the API server differ by 10m", func(t *testing.T) {
			t.Helper()
			patch := func(at time.Time) {
				kubectl(t, "patch", "lease", "-n", framework.OperatorNamespace, "fastpix-syncer", "--type=merge",
					"-p", fmt.Sprintf(`{"spec":{"renewTime":%q}}`, at.UTC().Format("2006-01-02T15:04:05.000000Z")))
			}
			patch(time.Now().Add(10*time.Minute + 30*time.Second))
			t.Cleanup(func() { patch(time.Now()) })
		}},
		{"a part lost a right", "rights", "fail", "may not create eventbatches.video.fastpix.com", func(t *testing.T) {
			t.Helper()
			remove(t, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "fastpix-receiver"}})
		}},
		{"the receiver may not read the Secret", "secret-rights", "fail", "the receiver may not read Secret signing-secret", func(t *testing.T) {
			t.Helper()
			remove(t, secretBinding(t, e.Namespace))
		}},
		{"a policy is missing", "network-policies", "fail", "no NetworkPolicy lets deliveries in: default-deny apply", func(t *testing.T) {
			t.Helper()
			remove(t, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "fastpix-receiver"}})
		}},
		{"the secret is encoded twice", "secrets", "fail", "encoded to base64 once more", func(t *testing.T) {
			t.Helper()
			framework.ReplaceSigningSecret(t, e, "WGtHRmlaY21XUG1MbUdpaVdJRmZBRXM5NlNqUWlWYmw4UUpEOVdqeDQ0OD0=")
			t.Cleanup(func() { replaceSecret(t, e, ownSecret()) })
		}},
		{"the endpoint is suspended", "endpoints", "warn", "it is suspended", func(t *testing.T) {
			t.Helper()
			e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = true })
			framework.Eventually(t, "the endpoint shows it", func(context.Context) error {
				if w := e.Read(t); w.Status.ObservedGeneration != w.Generation {
					return fmt.Errorf("generation %d is not observed", w.Generation)
				}
				return nil
			})
			t.Cleanup(func() {
				kubectl(t, "patch", "whe", "fastpix", "-n", e.Namespace, "--type=merge", "-p", `{"spec":{"suspend":false}}`)
			})
		}},
		{"the ingress leads elsewhere", "urls", "fail", "answers the probe with 404", func(t *testing.T) {
			t.Helper()
			answer(t, ingress, http.NotFound)
		}},
		{"the ingress redirects", "urls", "fail", "answers the probe with 302", func(t *testing.T) {
			t.Helper()
			answer(t, ingress, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
		}},
		{"the certificate is not trusted", "urls", "fail", "certificate signed by unknown authority", func(t *testing.T) {
			t.Helper()
			t.Setenv("SSL_CERT_FILE", "/dev/null")
			t.Setenv("SSL_CERT_DIR", t.TempDir())
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			fault.do(t)
			var results []finding
			framework.Eventually(t, "the doctor finds it", func(context.Context) error {
				var code int
				results, code = examine(t, call{args: []string{"-n", e.Namespace}})
				if want := map[string]int{"fail": 3, "warn": 0}[fault.state]; code != want {
					return fmt.Errorf("it exits with %d, want %d: %+v", code, want, results)
				}
				for _, r := range results {
					if r.Check == fault.check && r.State == fault.state && strings.Contains(r.What, fault.what) && r.Mend != "" {
						return nil
					}
				}
				return fmt.Errorf("there is no %s of %s with %q and a mend in %+v", fault.state, fault.check, fault.what, results)
			})
			for _, r := range results {
				follows := r.Check == "endpoints" // the endpoint's own conditions show faults of Secrets, too
				if r.State != "pass" && r.Check != fault.check && r.Check != "monitoring" && !follows {
					t.Errorf("another check finds %+v", r)
				}
			}
		})
	}
}

// kubectl runs kubectl in a cleanup, when the context of the test has ended.
func kubectl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := framework.Deployed.Kubectl(context.WithoutCancel(t.Context()), args...); err != nil {
		t.Error(err)
	}
}

// remove deletes an object, and creates it again at the end of the test.
func remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	if err := framework.Deployed.Admin.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.SetResourceVersion("")
		if err := framework.Deployed.Admin.Create(context.WithoutCancel(t.Context()), o); err != nil {
			t.Error(err)
		}
	})
}

// secretBinding returns the RoleBinding that lets the receiver read the Secret of a namespace.
func secretBinding(t *testing.T, namespace string) *rbacv1.RoleBinding {
	t.Helper()
	var all rbacv1.RoleBindingList
	if err := framework.Deployed.Admin.List(t.Context(), &all, client.InNamespace(namespace)); err != nil || len(all.Items) != 1 {
		t.Fatalf("%d RoleBindings: %v", len(all.Items), err)
	}
	return &all.Items[0]
}

// replaceSecret stores a signing secret in a cleanup.
func replaceSecret(t *testing.T, e framework.Endpoint, secret string) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "signing-secret"}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"stringData":{%q:%q}}`, fastpixv1.DefaultSigningSecretKey, secret))
	if err := framework.Deployed.Admin.Patch(context.WithoutCancel(t.Context()), s, patch); err != nil {
		t.Error(err)
	}
}

// answer lets the ingress answer in another way until the end of the test.
func answer(t *testing.T, ingress *http.HandlerFunc, with http.HandlerFunc) {
	t.Helper()
	before := *ingress
	*ingress = with
	t.Cleanup(func() { *ingress = before })
}

// waitURL waits until the status of an endpoint shows its URL.
func waitURL(t *testing.T, e framework.Endpoint) {
	t.Helper()
	framework.Eventually(t, "the endpoint shows its URL", func(context.Context) error {
		if e.Read(t).Status.URL == "" {
			return fmt.Errorf("it does not")
		}
		return nil
	})
}

// TestDoctorFindsKindsOfAnotherVersion protects those who upgrade the operator and not its CRDs, as Helm does.
func TestDoctorFindsKindsOfAnotherVersion(t *testing.T) {
	const removed = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/sync"
	framework.Kubectl(t, "patch", "crd", "webhookendpoints.video.fastpix.com", "--type=json", "-p", `[{"op":"remove","path":"`+removed+`"}]`)
	t.Cleanup(func() { kubectl(t, "apply", "-k", "config/crd") })
	look := rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints"}, Verbs: []string{"list"}}
	tenant := user(t, "default", look)
	framework.Eventually(t, "a user without rights in the operator's namespace sees it in the status", func(context.Context) error {
		if got := (call{kubeconfig: tenant, args: []string{"status", "-n", "default"}}).run(t); got.code != 3 || !strings.Contains(got.out, "lacks status.sync") {
			return fmt.Errorf("it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
		}
		return nil
	})
	framework.Eventually(t, "the doctor finds it", func(context.Context) error {
		results, _ := examine(t, call{args: []string{"--probe=false", "-n", "default"}})
		for _, r := range results {
			if r.Check == "kinds" && r.State == "fail" && r.About == "WebhookEndpoint" && strings.Contains(r.What, "lacks status.sync") {
				return nil
			}
		}
		return fmt.Errorf("it finds %+v", results)
	})
}

// TestDoctorSaysWhichRightsAreMissing protects users with few rights: every check that they may not make is skipped and names the right, and the exit code
// is 4. Nothing that was not checked passes.
func TestDoctorSaysWhichRightsAreMissing(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpointWith(t, framework.SigningSecretOf(ownSecret()))
	e.WaitReady(t)
	results, code := examine(t, call{kubeconfig: user(t, e.Namespace), args: []string{"-n", e.Namespace, "--probe=false"}})
	if code != 4 {
		t.Errorf("it exits with %d: %+v", code, results)
	}
	for _, r := range results {
		passes := r.Check == "kinds" || r.Check == "clocks" || r.Check == "monitoring"
		if passes == (r.MissingRight != "") && r.Check != "clocks" {
			t.Errorf("without any right: %+v", r)
		}
		if r.State == "fail" {
			t.Errorf("a missing right is no fault: %+v", r)
		}
	}
	look := rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints"}, Verbs: []string{"list"}}
	results, _ = examine(t, call{kubeconfig: user(t, e.Namespace, look), args: []string{"-n", e.Namespace, "--probe=false"}})
	want := map[string]string{
		"deployments": "list deployments.apps in namespace " + framework.OperatorNamespace, "leaders": "get leases.coordination.k8s.io in namespace " + framework.OperatorNamespace,
		"network-policies": "list networkpolicies.networking.k8s.io in namespace " + framework.OperatorNamespace, "secrets": "get secrets in namespace " + e.Namespace,
		"secret-rights": "create subjectaccessreviews.authorization.k8s.io in the whole cluster", "journal": "list eventbatches.video.fastpix.com in namespace " + framework.OperatorNamespace,
	}
	for _, r := range results {
		if right := want[r.Check]; right != "" {
			if r.MissingRight != right {
				t.Errorf("%+v, want the right to %s", r, right)
			}
			delete(want, r.Check)
		}
		if r.Check == "endpoints" && r.State != "pass" {
			t.Errorf("with the right: %+v", r)
		}
	}
	if len(want) > 0 {
		t.Errorf("nothing was said about %v", want)
	}
	if got := run(t, "doctor", "-n", e.Namespace, "--probe=false"); !strings.Contains(got.out, "RESULT") || !strings.Contains(got.out, "\nleaders controllers: no process leads") {
		t.Errorf("the table lacks the mends:\n%s", got.out)
	}
}
