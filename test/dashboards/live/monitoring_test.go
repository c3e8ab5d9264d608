package live

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

const (
	monitoring     = "monitoring"
	scrapeInterval = 2 * time.Second
	// rateInterval is the value of $__rate_interval.
	rateInterval = "10s"
)

// account creates a ServiceAccount in the namespace monitoring, which is bound to a ClusterRole.
func account(t *testing.T, name, role string) controlplane.Identity {
	t.Helper()
	framework.Create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: monitoring, Name: name}})
	framework.Create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role + "-" + name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: monitoring, Name: name}},
	})
	identity, err := framework.Deployed.ServiceAccount(t.Context(), monitoring, name)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// run starts a program that answers 200 at a URL when it is ready. It ends with the test.
func run(t *testing.T, path, readyURL string, args ...string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v. make dashboards builds it", err)
	}
	p := &process.Process{
		Name: filepath.Base(path), Path: path, Args: args, Log: filepath.Join(framework.Deployed.LogDir(), filepath.Base(path)+".log"),
		Ready: func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, readyURL, http.NoBody)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			if err := resp.Body.Close(); err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("GET %s: %s", readyURL, resp.Status)
			}
			return nil
		},
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of %s ends:\n%s", p.Name, process.Tail(p.Log, 20))
		}
		p.Kill() // kube-state-metrics does not end with 0
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// startKubeStateMetrics starts kube-state-metrics with the configuration and no other rights than those of config/kube-state-metrics, and
// returns its address.
func startKubeStateMetrics(t *testing.T) string {
	t.Helper()
	if err := framework.Deployed.Apply(t.Context(), "config/kube-state-metrics/cluster_role.yaml"); err != nil {
		t.Fatal(err)
	}
	identity := account(t, "kube-state-metrics", "fastpix-kube-state-metrics")
	address, telemetry := freeAddress(t), freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	_, telemetryPort, err := net.SplitHostPort(telemetry)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "bin/kube-state-metrics/kube-state-metrics", "http://"+address+"/livez",
		"--kubeconfig="+identity.Kubeconfig, "--host="+host, "--port="+port, "--telemetry-host="+host, "--telemetry-port="+telemetryPort,
		"--custom-resource-state-only", "--custom-resource-state-config-file=config/kube-state-metrics/custom_resource_state.yaml")
	return address
}

// startPrometheus starts a Prometheus that scrapes the parts of the operator, whose jobs are named as their Services, and kube-state-metrics.
func startPrometheus(t *testing.T, parts map[string]*controlplane.Operator, kubeStateMetrics string) prometheus.API {
	t.Helper()
	folder := t.TempDir()
	token := filepath.Join(folder, "token")
	if err := os.WriteFile(token, []byte(account(t, "prometheus", "fastpix-metrics-reader").Config.BearerToken), 0o600); err != nil {
		t.Fatal(err)
	}
	static := func(address, namespace string) []any {
		return []any{map[string]any{"targets": []string{address}, "labels": map[string]string{"namespace": namespace}}}
	}
	jobs := []any{map[string]any{"job_name": "kube-state-metrics", "honor_labels": true, "static_configs": static(kubeStateMetrics, monitoring)}}
	for service, part := range parts {
		jobs = append(jobs, map[string]any{
			"job_name": service, "scheme": "https", "tls_config": map[string]any{"insecure_skip_verify": true},
			"authorization":  map[string]any{"credentials_file": token},
			"static_configs": static(strings.TrimPrefix(part.MetricsURL, "https://"), framework.OperatorNamespace),
		})
	}
	config, err := yaml.Marshal(map[string]any{"global": map[string]any{"scrape_interval": scrapeInterval.String()}, "scrape_configs": jobs})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "prometheus.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	run(t, "bin/prometheus/prometheus", "http://"+address+"/-/ready",
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	asked := prometheus.NewAPI(client)
	framework.Eventually(t, "every target is scraped", func(ctx context.Context) error {
		up, _, err := asked.Query(ctx, "sum(up)", time.Now())
		if v, ok := up.(model.Vector); err != nil || !ok || len(v) != 1 || int(v[0].Value) != len(jobs) {
			return fmt.Errorf("%v of %d targets are up: %w", up, len(jobs), err)
		}
		return nil
	})
	return asked
}
