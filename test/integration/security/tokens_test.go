package security

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestInvalidTokensCostLittleAndBlockNoScraper protects the metrics port, the API server and the log from clients that try invalid tokens, in every
// header in which a library might look for one. Scrapers get metrics meanwhile.
func TestInvalidTokensCostLittleAndBlockNoScraper(t *testing.T) {
	r := framework.StartReceiver(t, "plain")
	s := newScrapers(t)
	first := s.token(t, "first")
	framework.Eventually(t, "a scraper gets metrics", func(context.Context) error {
		got, err := scrape(t, r, "127.0.0.1", bearer(first))
		if err == nil && got != http.StatusOK {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	})
	mustScrape := func(address string, header map[string]string) int {
		t.Helper()
		got, err := scrape(t, r, address, header)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	const tries = 400
	encoded := func() string { return base64.RawURLEncoding.EncodeToString([]byte(rand.Text())) }
	websocket := func(protocol string) map[string]string {
		return map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": protocol}
	}
	last := 1 // byte of an address. Each flood has its own address and scrapers: one address and one user may have five new tokens at once
	for name, header := range map[string]func() map[string]string{
		"Authorization": func() map[string]string { return bearer(rand.Text()) },
		"Sec-WebSocket-Protocol": func() map[string]string {
			return websocket("base64url.bearer.authorization.k8s.io." + encoded() + ", chat")
		},
		"malformed Sec-WebSocket-Protocol": func() map[string]string { return websocket("base64url.bearer.authorization.k8s.io.%%%") },
		"good token in Sec-WebSocket-Protocol": func() map[string]string {
			return websocket("base64url.bearer.authorization.k8s.io." + base64.RawURLEncoding.EncodeToString([]byte(first)) + ", chat")
		},
	} {
		t.Run(name, func(t *testing.T) {
			last++
			other := fmt.Sprintf("127.0.0.%d", last)
			user := fmt.Sprintf("known-%d", last)
			known := s.token(t, user)
			if got := mustScrape(other, bearer(known)); got != http.StatusOK {
				t.Errorf("a new token from a new address gets %d, want 200", got)
			}
			before, log, start := tokenReviews(t), logSize(t, r.Log), time.Now()
			answers := map[int]int{}
			for i := range tries {
				answers[mustScrape("127.0.0.1", header())]++
				if i%200 == 100 {
					if got := mustScrape("127.0.0.1", bearer(known)); got != http.StatusOK {
						t.Errorf("a known token gets %d in the flood, want 200", got)
					}
					if got := mustScrape(other, bearer(s.token(t, fmt.Sprintf("new-%d-%d", last, i)))); got != http.StatusOK {
						t.Errorf("a new token from another address gets %d in the flood, want 200", got)
					}
					if got := mustScrape("127.0.0.1", bearer(s.renewedToken(t, user))); got != http.StatusOK {
						t.Errorf("a renewed token from the address of the flood gets %d, want 200", got)
					}
				}
			}
			took := time.Since(start)
			reviews := tokenReviews(t) - before
			t.Logf("%d requests in %s: answers %v, %d token reviews, %d bytes of log", tries, took, answers, reviews, logSize(t, r.Log)-log)
			if most := 30 + int(took.Seconds()); reviews > most {
				t.Errorf("%d token reviews, want at most %d", reviews, most)
			}
			for code := range answers {
				if code != http.StatusUnauthorized && code != http.StatusTooManyRequests {
					t.Errorf("answer %d, want 401 or 429", code)
				}
			}
			if grown := logSize(t, r.Log) - log; grown > 10_000 {
				t.Errorf("the log grew by %d bytes", grown)
			}
		})
	}
}

// TestRevokedTokenStopsToReadMetrics protects the metrics from tokens of ServiceAccounts that were deleted: they stop to work after a minute, when
// the last review is too old. The API server itself remembers a token for ten seconds.
func TestRevokedTokenStopsToReadMetrics(t *testing.T) {
	t.Parallel()
	r := framework.StartReceiver(t, "plain")
	s := newScrapers(t)
	token := s.token(t, "dismissed")
	framework.Eventually(t, "the token reads metrics", func(context.Context) error {
		got, err := scrape(t, r, "127.0.0.1", bearer(token))
		if err == nil && got != http.StatusOK {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	})
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "dismissed"}}
	if err := framework.Deployed.Admin.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	for {
		got, err := scrape(t, r, "127.0.0.1", bearer(token))
		switch {
		case err != nil:
			t.Fatal(err)
		case got == http.StatusUnauthorized:
			t.Logf("refused %s after it was revoked", time.Since(revoked).Round(time.Second))
			return
		case got != http.StatusOK || time.Since(revoked) > 80*time.Second:
			t.Fatalf("answer %d %s after the token was revoked, want 401 within 80 s", got, time.Since(revoked))
		}
		time.Sleep(time.Second)
	}
}

// scrapers makes tokens that may read metrics.
type scrapers struct{ namespace string }

func newScrapers(t *testing.T) scrapers {
	t.Helper()
	s := scrapers{framework.NewNamespace(t)}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fastpix-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts:" + s.namespace}},
	}
	framework.Create(t, binding)
	t.Cleanup(func() { _ = framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), binding) })
	return s
}

// token makes a service account and returns a token of it.
func (s scrapers) token(t *testing.T, name string) string {
	t.Helper()
	framework.Create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}})
	return s.renewedToken(t, name)
}

// renewedToken returns a new token of a service account that exists.
func (s scrapers) renewedToken(t *testing.T, name string) string {
	t.Helper()
	identity, err := framework.Deployed.ServiceAccount(t.Context(), s.namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Config.BearerToken
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// scrape requests metrics from a loopback address and returns the status code.
func scrape(t *testing.T, r *framework.Receiver, address string, header map[string]string) (int, error) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.MetricsURL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

var tokenReviewCount = regexp.MustCompile(`apiserver_request_total\{[^}]*resource="tokenreviews"[^}]*\} (\d+)`)

// tokenReviews returns how many token reviews the API server has answered since it started.
func tokenReviews(t *testing.T) (n int) {
	t.Helper()
	clients, err := kubernetes.NewForConfig(framework.Deployed.Config())
	if err != nil {
		t.Fatal(err)
	}
	text, err := clients.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tokenReviewCount.FindAllStringSubmatch(string(text), -1) {
		count, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n
}

func logSize(t *testing.T, file string) int {
	t.Helper()
	info, err := os.Stat(strings.TrimSpace(file))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}
