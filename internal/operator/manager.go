package operator

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/httpserver"
)

// shutdownTimeout is how long the servers of probes and metrics wait for their last answers.
const shutdownTimeout = 5 * time.Second

// Ports says where the process serves probes and metrics, and to whom.
type Ports struct {
	// Limiter limits the connections of both ports.
	Limiter *connlimit.Limiter
	// Probes and Metrics are addresses; "0" or nothing turns a port off.
	Probes, Metrics string
	// MetricsFilter decides who gets metrics.
	MetricsFilter func(*rest.Config, *http.Client) (metricsserver.Filter, error)
}

// Manager is a manager that serves probes and metrics by servers of its own: those of controller-runtime bound neither the connections nor
// what these make the process hold.
type Manager struct {
	manager.Manager
	healthz, readyz healthz.Handler
}

// NewManager makes a manager, opens its ports and has them served from its start on, whether or not its caches have synced.
func NewManager(config *rest.Config, o ctrl.Options, ports Ports) (*Manager, error) {
	o.HealthProbeBindAddress, o.Metrics.BindAddress = "0", "0"
	inner, err := ctrl.NewManager(config, o)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		Manager: inner,
		healthz: healthz.Handler{Checks: map[string]healthz.Checker{}}, readyz: healthz.Handler{Checks: map[string]healthz.Checker{}},
	}
	if err := m.serveProbes(ports); err != nil {
		return nil, fmt.Errorf("serve probes: %w", err)
	}
	if err := m.serveMetrics(ports); err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return m, nil
}

// AddHealthzCheck implements manager.Manager. It must not be called after Start.
func (m *Manager) AddHealthzCheck(name string, check healthz.Checker) error {
	m.healthz.Checks[name] = check
	return nil
}

// AddReadyzCheck implements manager.Manager. It must not be called after Start.
func (m *Manager) AddReadyzCheck(name string, check healthz.Checker) error {
	m.readyz.Checks[name] = check
	return nil
}

func (m *Manager) serveProbes(ports Ports) error {
	mux := http.NewServeMux()
	for path, checks := range map[string]*healthz.Handler{"/healthz": &m.healthz, "/readyz": &m.readyz} {
		mux.Handle(path, http.StripPrefix(path, checks))
		mux.Handle(path+"/", http.StripPrefix(path, checks)) // single checks
	}
	return m.serve("probes", ports.Limiter, ports.Probes, nil, mux)
}

// serveMetrics serves metrics by TLS, with a certificate that is made now, to those whom the filter lets through.
func (m *Manager) serveMetrics(ports Ports) error {
	filter, err := ports.MetricsFilter(m.GetConfig(), m.GetHTTPClient())
	if err != nil {
		return err
	}
	handler := promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	filtered, err := filter(m.GetLogger().WithName("metrics"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connlimit.Authenticated(r.Context())
		handler.ServeHTTP(w, r)
	}))
	if err != nil {
		return err
	}
	certificate, err := httpserver.SelfSigned()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", filtered)
	return m.serve("metrics", ports.Limiter, ports.Metrics, certificate, mux)
}

func (m *Manager) serve(
	name string, limiter *connlimit.Limiter, address string, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), handler http.Handler,
) error {
	if address == "" || address == "0" {
		return nil
	}
	listener, err := httpserver.Listen(limiter, address, certificate)
	if err != nil {
		return err
	}
	return m.Add(&manager.Server{
		Name: name, Server: httpserver.New(limiter, handler), Listener: listener, ShutdownTimeout: new(shutdownTimeout),
	})
}
