package security

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestMetricsRequireAuthorization protects the ports beside the receiver's: metrics by HTTPS for a token that may get them, probes
// that say nothing else.
func TestMetricsRequireAuthorization(t *testing.T) {
	t.Parallel()
	r := framework.StartReceiver(t, "plain")
	namespace := framework.NewNamespace(t)
	token := func(name string) string {
		t.Helper()
		framework.Create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
		identity, err := framework.Deployed.ServiceAccount(t.Context(), namespace, name)
		if err != nil {
			t.Fatal(err)
		}
		return identity.Config.BearerToken
	}
	scraper, other := token("scraper"), token("other")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fastpix-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "scraper"}},
	}
	framework.Create(t, binding)
	framework.WaitAllowed(t, authorizationv1.SubjectAccessReviewSpec{ // else the receiver's refusal is valid for a while
		User: "system:serviceaccount:" + namespace + ":scraper", NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	framework.Eventually(t, "metrics are served", func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(r.MetricsURL, "https://"))
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	get := func(url, token string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for url, want := range map[string]map[string]int{
		r.MetricsURL + "/metrics":     {scraper: 200, other: 403, "": 401},
		r.MetricsURL + "/":            {scraper: 404},
		r.MetricsURL + "/debug/pprof": {scraper: 404},
		strings.Replace(r.MetricsURL, "https", "http", 1) + "/metrics": {"": 400}, // not by plain HTTP
		r.ProbeURL + "/healthz":     {"": 200},
		r.ProbeURL + "/readyz":      {"": 200},
		r.ProbeURL + "/metrics":     {"": 404},
		r.ProbeURL + "/debug/pprof": {"": 404},
	} {
		for token, code := range want {
			if got := get(url, token); got != code {
				t.Errorf("GET %s as %.8q: got %d, want %d", url, token, got, code)
			}
		}
	}

	for _, protocol := range []string{"visitor", "visitor\nforged log line"} {
		config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}
		if conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.MetricsURL, "https://")); err == nil {
			_ = conn.Close()
			t.Errorf("the port of metrics agrees to speak %q", protocol)
		}
	}
	if log, err := os.ReadFile(r.Log); err != nil || strings.Contains(string(log), "visitor\"") {
		t.Errorf("the log contains a handshake of an unauthenticated client (%v):\n%s", err, fmt.Sprintf("%.2000s", log))
	}
	if err := framework.Deployed.Admin.Delete(t.Context(), binding); err != nil {
		t.Error(err)
	}
}
