package plugin

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// result is what a run of the plugin printed, and how it ended.
type result struct {
	out, problem string
	code         int
}

// call is a run of the plugin.
type call struct {
	kubeconfig string // an administrator's by default
	input      string
	args       []string
}

// run runs the plugin as an administrator.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return call{args: args}.run(t)
}

// mustRun does the same, and fails the test if the exit code is not 0. It returns what was printed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	got := run(t, args...)
	if got.code != 0 {
		t.Fatalf("kubectl fastpix %s exits with %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.problem)
	}
	return got.out
}

func (c call) run(t *testing.T) result {
	t.Helper()
	binary, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	if c.kubeconfig == "" {
		c.kubeconfig = framework.Deployed.Kubeconfig
	}
	cmd := exec.CommandContext(t.Context(), binary, c.args...)
	// The cache belongs to the test: what the API server serves may change in between.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "KUBECACHEDIR="+t.TempDir())
	cmd.Stdin = strings.NewReader(c.input)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err = cmd.Run()
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return result{out: out.String(), problem: problem.String(), code: cmd.ProcessState.ExitCode()}
}

// plugin returns the path of the plugin, which it builds unless make test has.
var plugin = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("PLUGIN_BINARY"); binary != "" {
		return binary, nil
	}
	binary := filepath.Join(framework.Deployed.Dir, "bin", "kubectl-fastpix")
	out, err := exec.Command("go", "build", "-ldflags", "-X main.version=v0.0.0-test", "-o", binary, "./cmd/kubectl-fastpix").CombinedOutput()
	if err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return binary, nil
})

// user creates a ServiceAccount that has only the given rights in a namespace, and returns its kubeconfig.
func user(t *testing.T, namespace string, rights ...rbacv1.PolicyRule) string {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, GenerateName: "user-"}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	framework.Create(t, account)
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account.Name}, Rules: rights}
	framework.Create(t, role)
	framework.Create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account.Name}},
	})
	if len(rights) > 0 {
		waitAllowed(t, namespace, "system:serviceaccount:"+namespace+":"+account.Name, &rights[0])
	}
	identity, err := framework.Deployed.ServiceAccount(t.Context(), namespace, account.Name)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Kubeconfig
}

// waitAllowed waits until the API server knows that a user was given a right.
func waitAllowed(t *testing.T, namespace, name string, right *rbacv1.PolicyRule) {
	t.Helper()
	resource, subresource, _ := strings.Cut(right.Resources[0], "/")
	about := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: right.Verbs[0], Group: right.APIGroups[0], Resource: resource, Subresource: subresource}
	if len(right.ResourceNames) > 0 {
		about.Name = right.ResourceNames[0]
	}
	framework.WaitAllowed(t, authorizationv1.SubjectAccessReviewSpec{User: name, ResourceAttributes: about})
}

// wantMissingRight runs the plugin as a user without rights, and fails the test unless the plugin exits with 4 and names the right. It
// returns what was printed.
func wantMissingRight(t *testing.T, namespace, right string, args ...string) result {
	t.Helper()
	got := call{kubeconfig: user(t, namespace), args: args}.run(t)
	if got.code != 4 || !strings.Contains(got.problem, "you need the right to "+right) {
		t.Errorf("%v exits with %d, want 4 and the right to %s; it prints\n%s%s", args, got.code, right, got.out, got.problem)
	}
	return got
}

// wantLines fails the test unless the text contains each of the lines, whatever the number of spaces between their words.
func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	var plain []string
	for line := range strings.Lines(text) {
		plain = append(plain, strings.Join(strings.Fields(line), " "))
	}
	whole := strings.Join(plain, "\n")
	for _, line := range lines {
		if !strings.Contains(whole, line) {
			t.Errorf("there is no line with %q in\n%s", line, text)
		}
	}
}
