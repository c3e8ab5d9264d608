package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// kubelet serves the port-forwards of a node: whatever the pod and the port, it connects to the receiver.
func kubelet(t *testing.T) *url.URL {
	t.Helper()
	to, err := url.Parse(framework.Deployed.Receiver.ReceiverURL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/portForward/"+framework.OperatorNamespace+"/") {
			http.NotFound(w, r)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
			return
		}
		streams := make(chan httpstream.Stream, 4)
		connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if connection == nil {
			return
		}
		defer connection.Close()
		for {
			select {
			case s := <-streams:
				if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeData {
					go copyBoth(s, to.Host)
				} else {
					_ = s.Close() // nothing goes wrong
				}
			case <-connection.CloseChan():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func copyBoth(s httpstream.Stream, to string) {
	defer s.Close()
	c, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer c.Close()
	go func() { _, _ = io.Copy(c, s) }()
	_, _ = io.Copy(s, c)
}

// runReceiverPod makes the receiver of the tests look like a pod on a node.
func runReceiverPod(t *testing.T) {
	t.Helper()
	address := kubelet(t)
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}
	framework.Create(t, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.Hostname()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	var d appsv1.Deployment
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: framework.OperatorNamespace, Name: "fastpix-receiver"}, &d); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: "fastpix-receiver-0", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
	pod.Spec.NodeName = node.Name
	framework.Create(t, pod)
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(framework.Deployed.Admin.Delete(ctx, pod, client.GracePeriodSeconds(0)), framework.Deployed.Admin.Delete(ctx, node)); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(framework.Deployed.Admin.Status().Update(t.Context(), node), framework.Deployed.Admin.Status().Update(t.Context(), pod)); err != nil {
		t.Fatal(err)
	}
}

// TestSimulateForwardsAPort protects clusters without a public URL: the event reaches a receiver's pod through the API server, and needs the right to forward
// ports. The API server is real, and the test is its kubelet.
func TestSimulateForwardsAPort(t *testing.T) {
	runReceiverPod(t)
	e := framework.NewEndpoint(t)
	out := mustRun(t, "simulate", "video.media.ready", "-n", e.Namespace, "-o", "jsonpath={.objects[0].name} {.url}")
	id, to, _ := strings.Cut(out, " ")
	if want := fmt.Sprintf("pod/fastpix-receiver-0/webhooks/%s/fastpix", e.Namespace); to != want {
		t.Errorf("it posts to %s, want %s", to, want)
	}
	e.WaitState(t, id, "Ready")

	// A user of the tenant's namespace who may read the Service and the Pods, and not forward ports.
	kubeconfig := user(t, e.Namespace,
		rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints", "mediaassets", "livestreams"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: e.Namespace},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services", "pods"}, Verbs: []string{"get", "list"}}},
	}
	framework.Create(t, role)
	framework.Create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: role.Namespace, Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts:" + e.Namespace}},
	})
	framework.Eventually(t, "the missing right is named", func(context.Context) error { // the authorizer learns of bindings a moment later
		got := call{kubeconfig: kubeconfig, args: []string{"simulate", "video.media.ready", "-n", e.Namespace}}.run(t)
		if got.code != 4 || !strings.Contains(got.problem, "you need the right to create pods/portforward in namespace "+framework.OperatorNamespace) {
			return fmt.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
		}
		return nil
	})
}
