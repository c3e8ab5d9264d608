package plugin

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestCreateEndpointAcceptsEvents protects the set-up that the README shows: the first run says what to paste into the dashboard, the second one stores the
// signing secret, and the endpoint then accepts events. A third run changes nothing.
func TestCreateEndpointAcceptsEvents(t *testing.T) {
	namespace := framework.NewNamespace(t)
	args := []string{"create", "endpoint", "fastpix", "--namespace", namespace}
	first := mustRun(t, args...)
	wantLines(t, first, "role.rbac.authorization.k8s.io/fastpix-signing-secret created", "rolebinding.rbac.authorization.k8s.io/fastpix-signing-secret created",
		"webhookendpoint.video.fastpix.com/fastpix created", "https://YOUR-HOST/webhooks/"+namespace+"/fastpix", "--signing-secret-file -")

	second := call{args: append(args, "--signing-secret-file", "-"), input: fixtures.SigningSecret + "\n"}.run(t)
	wantLines(t, second.out, "secret/fastpix-signing-secret created", "webhookendpoint.video.fastpix.com/fastpix unchanged", "The endpoint accepts events.")
	if second.code != 0 || strings.Contains(second.out+second.problem, fixtures.SigningSecret) {
		t.Errorf("it exits with %d and prints\n%s%s", second.code, second.out, second.problem)
	}
	e := framework.Endpoint{Namespace: namespace}
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")

	third := call{args: append(args, "--signing-secret-file", "-"), input: fixtures.SigningSecret}.run(t)
	wantLines(t, third.out, "role.rbac.authorization.k8s.io/fastpix-signing-secret unchanged", "secret/fastpix-signing-secret unchanged",
		"webhookendpoint.video.fastpix.com/fastpix unchanged")
}

// TestCreateEndpointAddsSync protects an endpoint that exists: the access token is added, and what the user has set stays.
func TestCreateEndpointAddsSync(t *testing.T) {
	e := framework.NewEndpoint(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.MetadataPolicy = fastpixv1.MetadataOmit })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token-id=the-id\nsecret-key=the-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, "create", "endpoint", "fastpix", "--namespace", e.Namespace, "--api-credentials-file", file)
	wantLines(t, out, "role.rbac.authorization.k8s.io/fastpix-api-credentials created", "secret/fastpix-api-credentials created", "webhookendpoint.video.fastpix.com/fastpix changed")
	got := e.Read(t).Spec
	if got.Sync == nil || got.Sync.CredentialsSecret.Name != "fastpix-api-credentials" || got.MetadataPolicy != fastpixv1.MetadataOmit || len(got.SigningSecrets) != 1 {
		t.Errorf("the spec is %+v", got)
	}
	secret := readSecret(t, e.Namespace, "fastpix-api-credentials")
	if secret.Type != fastpixv1.APICredentialsType || string(secret.Data["token-id"]) != "the-id" || string(secret.Data["secret-key"]) != "the-key" {
		t.Errorf("the Secret has the type %s and the keys %v", secret.Type, secret.Data)
	}
	var binding rbacv1.RoleBinding
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: secret.Name}, &binding); err != nil {
		t.Fatal(err)
	}
	if s := binding.Subjects; len(s) != 1 || s[0].Name != "fastpix-syncer" || s[0].Namespace != framework.OperatorNamespace {
		t.Errorf("the subjects are %v", s)
	}
}

// TestCreateEndpointCompletesWhatAnotherChanges is the sequence of a failure: the controllers wrote the endpoint between the plugin's read and its write.
// Here a user changes it in that moment, and the change stays.
func TestCreateEndpointCompletesWhatAnotherChanges(t *testing.T) {
	e := framework.NewEndpoint(t)
	whe := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "fastpix"}}
	var once sync.Once
	kubeconfig := intercept(t, func(r *http.Request) {
		if r.Method != http.MethodPatch || !strings.HasSuffix(r.URL.Path, "/webhookendpoints/fastpix") {
			return
		}
		once.Do(func() {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"metadataPolicy":"Omit"}}`))
			if err := framework.Deployed.Admin.Patch(t.Context(), whe, patch); err != nil {
				t.Error(err)
			}
		})
	})
	token := "token-id=the-id\nsecret-key=the-key\n"
	got := call{kubeconfig: kubeconfig, input: token, args: []string{"create", "endpoint", "fastpix", "--namespace", e.Namespace, "--api-credentials-file", "-"}}.run(t)
	if got.code != 0 || !strings.Contains(got.out, "webhookendpoint.video.fastpix.com/fastpix changed") {
		t.Errorf("it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	if spec := e.Read(t).Spec; spec.Sync == nil || spec.MetadataPolicy != fastpixv1.MetadataOmit {
		t.Errorf("the spec is %+v", spec)
	}
}

// intercept returns a kubeconfig for an administrator whose requests are shown to a function before the API server gets them.
func intercept(t *testing.T, show func(*http.Request)) (kubeconfig string) {
	t.Helper()
	config := framework.Deployed.Config()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		show(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: server.URL}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test"}},
		CurrentContext: "test",
	}, kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// TestCreateEndpointRefusesToOverwrite protects Secrets of others: one with another content or another type is replaced only if the user says so.
func TestCreateEndpointRefusesToOverwrite(t *testing.T) {
	namespace := framework.NewNamespace(t)
	framework.Create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fastpix-signing-secret"}, StringData: map[string]string{"password": "of another"}})
	if got := run(t, "create", "endpoint", "fastpix", "--namespace", namespace); got.code != 1 || !strings.Contains(got.problem, `its type is "Opaque"`) {
		t.Errorf("without a secret it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	store := call{args: []string{"create", "endpoint", "fastpix", "--namespace", namespace, "--signing-secret-file", "-"}, input: fixtures.SigningSecret}
	got := store.run(t)
	if got.code != 1 || !strings.Contains(got.problem, "secret/fastpix-signing-secret exists and has another content") || !strings.Contains(got.problem, "--overwrite") {
		t.Errorf("it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	dry := store
	dry.args = append(slices.Clone(store.args), "--overwrite", "--dry-run=server")
	wantLines(t, dry.run(t).out, "secret/fastpix-signing-secret replaced (server dry run)")
	if secret := readSecret(t, namespace, "fastpix-signing-secret"); string(secret.Data["password"]) != "of another" {
		t.Error("the Secret was changed")
	}
	var roles rbacv1.RoleList
	if err := framework.Deployed.Admin.List(t.Context(), &roles, client.InNamespace(namespace)); err != nil || len(roles.Items) > 0 {
		t.Errorf("the receiver got the right to read it: %v %v", roles.Items, err)
	}
	store.args = append(store.args, "--overwrite")
	if got := store.run(t); got.code != 0 {
		t.Errorf("with --overwrite it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	if secret := readSecret(t, namespace, "fastpix-signing-secret"); secret.Type != fastpixv1.SigningSecretType || string(secret.Data["signing-secret"]) != fixtures.SigningSecret {
		t.Errorf("the Secret has the type %s", secret.Type)
	}
	before := readSecret(t, namespace, "fastpix-signing-secret")
	store.input = framework.OtherSigningSecret
	wantLines(t, store.run(t).out, "secret/fastpix-signing-secret replaced")
	if after := readSecret(t, namespace, "fastpix-signing-secret"); after.UID != before.UID || string(after.Data["signing-secret"]) != framework.OtherSigningSecret {
		t.Error("a Secret of the right type was not changed in place: for a moment the receiver has none")
	}
}

// TestCreateEndpointThatPolls protects endpoints without webhooks: they need no signing secret and no right to read one. An endpoint that exists keeps the
// Secret with its access token, unless the user says otherwise.
func TestCreateEndpointThatPolls(t *testing.T) {
	t.Parallel()
	namespace := framework.NewNamespace(t)
	args := []string{"create", "endpoint", "fastpix", "--namespace", namespace, "--polling", "--timeout", "0"}
	wantLines(t, mustRun(t, args...), "role.rbac.authorization.k8s.io/fastpix-api-credentials created", "webhookendpoint.video.fastpix.com/fastpix created",
		"The endpoint takes no webhooks.", "To store the access token of spec.sync, run", "--api-credentials-file -")
	e := framework.Endpoint{Namespace: namespace}
	if spec := e.Read(t).Spec; !spec.PollsOnly() || spec.Sync == nil || spec.Sync.CredentialsSecret.Name != "fastpix-api-credentials" {
		t.Errorf("the spec is %+v", spec)
	}
	var roles rbacv1.RoleList
	if err := framework.Deployed.Admin.List(t.Context(), &roles, client.InNamespace(namespace)); err != nil || len(roles.Items) != 1 {
		t.Errorf("there are the Roles %v %v", roles.Items, err)
	}
	store := call{args: append(slices.Clone(args), "--api-credentials-file", "-"), input: "token-id=the-id\nsecret-key=the-key\n"}
	wantLines(t, store.run(t).out, "secret/fastpix-api-credentials created", "webhookendpoint.video.fastpix.com/fastpix unchanged")

	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Sync.CredentialsSecret.Name = "mine" })
	wantLines(t, mustRun(t, args...), "webhookendpoint.video.fastpix.com/fastpix unchanged")
	if got := store.run(t); got.code != 1 || !strings.Contains(got.problem, "reads its access token from the Secret mine") || e.Read(t).Spec.Sync.CredentialsSecret.Name != "mine" {
		t.Errorf("it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	store.args = append(store.args, "--overwrite")
	wantLines(t, store.run(t).out, "webhookendpoint.video.fastpix.com/fastpix changed")
	if got := run(t, append(args, "--signing-secret-file", "-")...); got.code != 2 {
		t.Errorf("with a signing secret it exits with %d: %s", got.code, got.problem)
	}
}

// TestCreateEndpointSaysWhatIsWrongWithASecret protects users who paste something else, and that it is not printed.
func TestCreateEndpointSaysWhatIsWrongWithASecret(t *testing.T) {
	const pasted = "not*base64*but*secret"
	tests := map[string]struct{ flag, input, want string }{
		"not base64":           {"--signing-secret-file", pasted, "is not base64"},
		"empty":                {"--signing-secret-file", "\n", "is empty"},
		"no keys in the token": {"--api-credentials-file", pasted, "begins neither with token-id= nor with secret-key="},
		"half a token":         {"--api-credentials-file", "token-id=x", "the secret key is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := call{args: []string{"create", "endpoint", "fastpix", tt.flag, "-"}, input: tt.input}.run(t)
			if got.code != 1 || !strings.Contains(got.problem, tt.want) || strings.Contains(got.problem, pasted) {
				t.Errorf("it exits with %d and prints\n%s", got.code, got.problem)
			}
		})
	}
}

// TestDryRunGoesIntoGit protects what --dry-run=client prints: kubectl applies it to a cluster that has no such namespace, it holds no secret, and the
// endpoint waits for the Secret that it may read.
func TestDryRunGoesIntoGit(t *testing.T) {
	const namespace = "from-git"
	args := []string{"create", "endpoint", "fastpix", "--namespace", namespace, "--create-namespace", "--signing-secret-file", "-"}
	printed := call{args: append(args, "--dry-run=client", "-o", "yaml"), input: fixtures.SigningSecret}.run(t)
	if strings.Contains(printed.out, fixtures.SigningSecret) || strings.Contains(printed.out, "kind: Secret\n") || strings.Contains(printed.out, "status") {
		t.Errorf("it prints\n%s", printed.out)
	}
	server := call{args: append(args, "--dry-run=server"), input: fixtures.SigningSecret}.run(t)
	if server.code == 0 {
		t.Error("a dry run by the API server created a namespace")
	}
	file := filepath.Join(t.TempDir(), "git.yaml")
	if err := os.WriteFile(file, []byte(printed.out), 0o600); err != nil {
		t.Fatal(err)
	}
	framework.Kubectl(t, "apply", "--filename", file)
	out := framework.Kubectl(t, "wait", "--namespace", namespace, "webhookendpoint/fastpix", "--for=jsonpath={.status.conditions[?(@.type=='Ready')].reason}=SecretNotFound", "--timeout=30s")
	wantLines(t, out, "condition met")
	framework.Kubectl(t, "delete", "--namespace", namespace, "webhookendpoint/fastpix")
}

// TestCreateEndpointNamesTheMissingRight protects users with few rights.
func TestCreateEndpointNamesTheMissingRight(t *testing.T) {
	namespace := framework.NewNamespace(t)
	args := []string{"create", "endpoint", "fastpix", "--namespace", namespace}
	wantMissingRight(t, namespace, "create roles.rbac.authorization.k8s.io in namespace "+namespace, args...)
	mayBind := user(t, namespace, rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"create", "get"}})
	got := call{kubeconfig: mayBind, args: args}.run(t)
	if got.code != 1 || !strings.Contains(got.problem, "You can grant only rights that you have") {
		t.Errorf("without the right to get Secrets it exits with %d and prints\n%s", got.code, got.problem)
	}
	owner := user(t, namespace, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}})
	if got := (call{kubeconfig: owner, args: append(args, "--create-namespace", "--timeout", "0")}).run(t); got.code != 0 {
		t.Errorf("the owner of a namespace that exists gets %d and\n%s", got.code, got.problem)
	}
	missing := run(t, "create", "endpoint", "fastpix", "--namespace", "nowhere-"+namespace)
	if missing.code != 1 || !strings.Contains(missing.problem, "--create-namespace") {
		t.Errorf("without the namespace it exits with %d and prints\n%s", missing.code, missing.problem)
	}
}

func readSecret(t *testing.T, namespace, name string) *corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &secret); err != nil {
		t.Fatal(err)
	}
	return &secret
}
