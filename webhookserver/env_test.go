package webhookserver

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// journalFunc is an appender for tests.
type journalFunc func(ctx context.Context, endpoint types.NamespacedName, record string) error

func (f journalFunc) Append(ctx context.Context, endpoint types.NamespacedName, record string) error {
	return f(ctx, endpoint, record)
}

// testEnv is a receiver on a real socket, with Secrets in a fake API server and a journal in memory.
type testEnv struct {
	t       *testing.T
	handler *handler
	limiter *connlimit.Limiter
	server  *httptest.Server
	api     client.Client
	log     *strings.Builder

	mu       sync.Mutex
	records  []string
	fail     error // the answer of the journal
	readFail error // the answer to reads of Secrets
	reads    int   // reads of Secrets
}

func testOptions() *Options {
	var o Options
	o.BindFlags(flag.NewFlagSet("", flag.ContinueOnError))
	o.OperatorNamespace = "fastpix-system"
	return &o
}

// newTestEnv starts a receiver that knows one endpoint and the given Secrets.
func newTestEnv(t *testing.T, e *fastpixv1.WebhookEndpoint, secrets ...client.Object) *testEnv {
	t.Helper()
	return newTunedTestEnv(t, func(*testEnv) {}, e, secrets...)
}

// newTunedTestEnv is newTestEnv for a receiver whose limits are changed before it serves.
func newTunedTestEnv(t *testing.T, tune func(*testEnv), e *fastpixv1.WebhookEndpoint, secrets ...client.Object) *testEnv {
	t.Helper()
	r := &testEnv{t: t, log: &strings.Builder{}, limiter: connlimit.New()}
	r.api = fake.NewClientBuilder().WithScheme(receivertest.Scheme()).WithObjects(secrets...).
		WithInterceptorFuncs(interceptor.Funcs{Get: r.get}).Build()
	o := testOptions()
	logger := funcr.New(func(prefix, args string) { fmt.Fprintln(r.log, prefix, args) }, funcr.Options{})
	d := endpoint.NewDirectory(r.api, time.Now)
	r.handler = &handler{
		directory: d, journal: journalFunc(r.append), committed: journal.NewDedupeCache(16, time.Now), bodies: &bodies{}, decoding: make(chan struct{}, maxDecoding),
		refusals: newRefusalLog(logger), options: o, now: time.Now, log: logr.Discard(),
		reportMalformed: func(*endpoint.Endpoint, error) {},
	}
	if e != nil {
		d.Set(e)
		d.MarkSynced()
	}
	r.server = httptest.NewUnstartedServer(nil)
	r.server.Config = newServer(r.handler, r.limiter)
	tune(r)
	r.server.Listener = r.limiter.Listen(r.server.Listener, nil)
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

func (r *testEnv) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.mu.Lock()
	r.reads++
	err := r.readFail
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return c.Get(ctx, key, obj, opts...)
}

func (r *testEnv) append(_ context.Context, _ types.NamespacedName, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.records = append(r.records, text)
	}
	return r.fail
}

// journaled returns the records in the journal.
func (r *testEnv) journaled() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.records...)
}

func (r *testEnv) secretReads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

// breakReads makes reads of Secrets fail; nil makes them work again.
func (r *testEnv) breakReads(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readFail = err
}

// request returns a request to a path of the receiver.
func (r *testEnv) request(method, path string, body string, signatures ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range signatures {
		req.Header.Add(signature.Header, s)
	}
	return req
}

// post delivers a body signed by each of the secrets, and returns the status code.
func (r *testEnv) post(body string, secrets ...string) int {
	r.t.Helper()
	var signatures []string
	for _, s := range secrets {
		signatures = append(signatures, fixtures.Sign(s, []byte(body)))
	}
	return r.do(r.request(http.MethodPost, receivertest.Path, body, signatures...))
}

// metricsText returns the receiver's metrics.
func metricsText(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// do sends a request and returns the status code.
func (r *testEnv) do(req *http.Request) int {
	r.t.Helper()
	resp, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // the connection can be reused only after its body is read
	_ = resp.Body.Close()
	return resp.StatusCode
}
