// These tests protect what needs another time or another cluster than a test has: old batches, expiring certificates, policies, Prometheus. The integration
// tests check the rest by the built plugin.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPatient(objects ...client.Object) *patient {
	o := cli.NewOptions(genericiooptions.NewTestIOStreamsDiscard(), "", func() time.Time { return now })
	o.OperatorNamespace = "fastpix-system"
	return &patient{Options: o, client: fake.NewClientBuilder().WithScheme(cli.NewScheme()).WithObjects(objects...).Build()}
}

func states(results []Result) string {
	var all []string
	for _, r := range results {
		all = append(all, strings.TrimSpace(r.About+" "+string(r.State)))
	}
	return strings.Join(all, ", ")
}

func batch(name string, age time.Duration, labels map[string]string) *fastpixv1.EventBatch {
	return &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
		Namespace: "fastpix-system", Name: name, Labels: labels, CreationTimestamp: metav1.NewTime(now.Add(-age)),
	}}
}

func TestJournalThatDoesNotMoveFails(t *testing.T) {
	t.Parallel()
	failed := map[string]string{fastpixv1.FailedLabel: "true"}
	for name, c := range map[string]struct {
		batches []client.Object
		want    string
	}{
		"empty":          {nil, "pass"},
		"young batches":  {[]client.Object{batch("a", time.Minute, nil), batch("b", time.Second, nil)}, "pass"},
		"an old batch":   {[]client.Object{batch("a", time.Second, nil), batch("b", 3*time.Minute, nil)}, "fail"},
		"failed records": {[]client.Object{batch("a", time.Hour, failed)}, "pass, warn"},
	} {
		if got := states(checkJournal(t.Context(), newPatient(c.batches...))); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestClocksThatDifferFail(t *testing.T) {
	t.Parallel()
	for by, want := range map[time.Duration]State{
		0: Pass, 4 * time.Second: Pass, -4 * time.Second: Pass, 30 * time.Second: Warn, -30 * time.Second: Warn, 5 * time.Minute: Fail, -time.Hour: Fail,
	} {
		if got := differs("", "one", "other", by); got.State != want {
			t.Errorf("%s: %+v, want %s", by, got, want)
		}
	}
}

func TestMonitoringThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	object := func(kind string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: kind})
		u.SetNamespace("fastpix-system")
		u.SetName("fastpix-operator")
		u.SetLabels(map[string]string{"app.kubernetes.io/name": "fastpix-operator"})
		return u
	}
	if got := states(checkMonitoring(t.Context(), newPatient(object("ServiceMonitor"), object("PrometheusRule")))); got != "ServiceMonitor pass, PrometheusRule pass" {
		t.Errorf("both are there: %s", got)
	}
	other := object("PrometheusRule")
	other.SetLabels(nil)
	if got := states(checkMonitoring(t.Context(), newPatient(object("ServiceMonitor"), other))); got != "ServiceMonitor pass, PrometheusRule warn" {
		t.Errorf("the rules are another's: %s", got)
	}
}

func TestPoliciesThatBlockFail(t *testing.T) {
	t.Parallel()
	d := &appsv1.Deployment{}
	d.Spec.Template.Labels = map[string]string{componentLabel: "receiver"}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}
	policy := func(types []networkingv1.PolicyType, in, out []networkingv1.NetworkPolicyPort) networkingv1.NetworkPolicy {
		n := networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{PolicyTypes: types}}
		if in != nil {
			n.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{Ports: in}}
		}
		if out != nil {
			n.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{Ports: out}}
		}
		return n
	}
	port := func(p intstr.IntOrString) []networkingv1.NetworkPolicyPort {
		return []networkingv1.NetworkPolicyPort{{Port: &p}}
	}
	both := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	deny := policy(both, nil, nil)
	udp := []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolUDP)}}
	ranged := []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(8000)), EndPort: new(int32(9000))}}
	others := policy(both, nil, nil)
	others.Spec.PodSelector.MatchLabels = map[string]string{componentLabel: "syncer"}
	for name, c := range map[string]struct {
		policies []networkingv1.NetworkPolicy
		want     string
	}{
		"none about it":       {[]networkingv1.NetworkPolicy{others}, "receiver pass"},
		"all is denied":       {[]networkingv1.NetworkPolicy{deny}, "receiver fail, receiver fail"},
		"by name":             {[]networkingv1.NetworkPolicy{deny, policy(both, port(intstr.FromString("http")), port(intstr.FromInt32(6443)))}, "receiver pass"},
		"by number":           {[]networkingv1.NetworkPolicy{deny, policy(both, port(intstr.FromInt32(8080)), port(intstr.FromInt32(443)))}, "receiver pass"},
		"by range":            {[]networkingv1.NetworkPolicy{deny, policy(both, ranged, port(intstr.FromInt32(443)))}, "receiver pass"},
		"every port":          {[]networkingv1.NetworkPolicy{deny, policy(both, []networkingv1.NetworkPolicyPort{}, []networkingv1.NetworkPolicyPort{})}, "receiver pass"},
		"another port in":     {[]networkingv1.NetworkPolicy{policy(both, port(intstr.FromInt32(8443)), port(intstr.FromInt32(443)))}, "receiver fail"},
		"another port out":    {[]networkingv1.NetworkPolicy{policy(both, port(intstr.FromInt32(8080)), port(intstr.FromInt32(53)))}, "receiver fail"},
		"UDP alone":           {[]networkingv1.NetworkPolicy{policy(both, udp, udp)}, "receiver fail, receiver fail"},
		"ingress alone":       {[]networkingv1.NetworkPolicy{policy(both[:1], nil, nil)}, "receiver fail"},
		"egress needs a type": {[]networkingv1.NetworkPolicy{policy(both[1:], nil, port(intstr.FromInt32(443)))}, "receiver pass"},
	} {
		if got := states(policiesOf("receiver", d, c.policies)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestURLThatIsNotReachableSaysWhy(t *testing.T) {
	t.Parallel()
	e := &fastpixv1.WebhookEndpoint{Status: fastpixv1.WebhookEndpointStatus{URL: "https://hooks.example.com/webhooks/video/fastpix"}}
	untrusted := &url.Error{Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}
	for what, c := range map[string]struct {
		err  error
		want State
	}{
		"unknown authority":             {untrusted, Fail},
		"does not speak TLS":            {&url.Error{Err: tls.RecordHeaderError{}}, Fail},
		"is not reachable from here: x": {&url.Error{Err: errors.New("x")}, Warn},
	} {
		if got := unreachable(e, c.err); got.State != c.want || !strings.Contains(got.What, what) || got.Mend == "" {
			t.Errorf("got %+v, want %s with %q", got, c.want, what)
		}
	}
	for code, want := range map[int]State{200: Pass, 401: Fail, 403: Fail, 404: Fail, 308: Fail, 503: Fail} {
		if got := answer(e, &http.Response{StatusCode: code, Status: http.StatusText(code)}); got.State != want {
			t.Errorf("%d: %+v", code, got)
		}
	}
	p := newPatient()
	for left, want := range map[time.Duration]int{time.Hour: 1, -time.Hour: 1, 30 * 24 * time.Hour: 0} {
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(left), DNSNames: []string{"hooks.example.com"}}}}
		if got := p.certificate(e, state); len(got) != want {
			t.Errorf("a certificate of %s: %+v", left, got)
		}
	}
	p.resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") }}
	if got := p.checkURL(t.Context(), e); states(got) != "/ warn" || !strings.HasPrefix(got[0].What, "hooks.example.com could not be looked up from here") {
		t.Errorf("without DNS: %+v", got)
	}
	if got := unresolved(e, "hooks.example.com", &net.DNSError{Err: "no such host", IsNotFound: true}); got.State != Fail || got.What != "DNS does not know hooks.example.com: no such host" {
		t.Errorf("a host without a record: %+v", got)
	}
	if got := states(p.checkURL(t.Context(), &fastpixv1.WebhookEndpoint{Status: fastpixv1.WebhookEndpointStatus{URL: "no url"}})); got != "/ fail" {
		t.Errorf("no URL: %s", got)
	}
}

func TestWhatCannotBeReadIsNoPass(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "a",
		errors.New(`User "u" cannot get resource "secrets" in API group "" in the namespace "video"`))
	for name, c := range map[string]struct {
		err   error
		state State
		right string
	}{
		"a missing right":  {forbidden, Skipped, "get secrets in namespace video"},
		"no such kind":     {&apimeta.NoKindMatchError{}, Skipped, ""},
		"a broken answer":  {apierrors.NewInternalError(errors.New("x")), Fail, ""},
		"no answer at all": {errors.New("connection refused"), Fail, ""},
	} {
		if got := unread("", c.err); got.State != c.state || got.Right != c.right || (got.missing != nil) != (c.right != "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for want, results := range map[error][]Result{
		nil: {pass("", ""), warn("", "", ""), skipped("", "")}, cli.ErrNotWell: {unread("", forbidden), fail("", "", "")}, forbidden: {pass("", ""), unread("", forbidden)},
	} {
		if got := conclusion(results); !errors.Is(got, want) {
			t.Errorf("%s: the command ends with %v, want %v", states(results), got, want)
		}
	}
}

// TestManyEndpointsAreCheckedAtATime protects clusters with thousands of endpoints: they are checked in parallel, in their order, and each with a time limit of
// its own, so that the last ones are not taken for broken.
func TestManyEndpointsAreCheckedAtATime(t *testing.T) {
	t.Parallel()
	const count = 2000
	p := newPatient()
	for i := range count {
		p.endpoints = append(p.endpoints, fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: strconv.Itoa(i)}})
	}
	var mu sync.Mutex
	at, most := 0, 0
	running := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		at += by
		most = max(most, at)
	}
	results := p.eachEndpoint(t.Context(), func(ctx context.Context, e *fastpixv1.WebhookEndpoint) []Result {
		running(1)
		defer running(-1)
		time.Sleep(time.Millisecond)
		if _, limited := ctx.Deadline(); !limited {
			return []Result{fail(nameOf(e), "", "it has no time limit")}
		}
		return []Result{pass(nameOf(e), ""), pass(nameOf(e), "")}
	})
	for i, r := range results {
		if want := "video/" + strconv.Itoa(i/2); r.About != want || r.State != Pass {
			t.Fatalf("result %d is %+v, want one about %s", i, r, want)
		}
	}
	if len(results) != 2*count || most < 2 || most > parallel {
		t.Errorf("%d results, %d at a time", len(results), most)
	}
}
