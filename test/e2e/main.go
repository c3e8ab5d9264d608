// The end-to-end test installs the operator into a cluster as the README says, and treats it as its users and their clusters do: it sends what FastPix sends
// through a Service from outside the pods, kills pods, rolls both Deployments out under load, fills the journal's quota, and removes the operator again.
//
// It runs in the cluster of KUBECONFIG, which must not have the operator yet; `make e2e` gives it a new one of its own. What it finds is printed as a table.
// When something is not as it should be, it stops there, keeps logs, events and descriptions in a folder, and exits 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

const (
	operatorNamespace = "fastpix-system"
	// The namespace, the endpoint and its path are those of config/samples.
	namespace = "video"
	endpoint  = "fastpix"
	path      = "/webhooks/" + namespace + "/" + endpoint
)

// options say where the test runs.
type options struct {
	// url is where the receiver is reached; empty means that its Service becomes a NodePort.
	url string
	// image is what make deploy installs.
	image string
	// chart installs the Helm chart instead of config/default.
	chart bool
	// clusterDir is the folder of a cluster of hack/cluster; empty means another cluster.
	clusterDir string
	// evidence is the folder for what is kept of a failure.
	evidence string
	// quick leaves out what breaks something.
	quick bool
}

func main() {
	var o options
	flag.StringVar(&o.url, "receiver-url", "", "URL under which the receiver is reached from here, without a path; by default the test makes the receiver's Service a NodePort")
	flag.StringVar(&o.image, "image", defaultImage, "image to install; every node must have it or be able to pull it")
	flag.BoolVar(&o.chart, "chart", false, "install the Helm chart instead of config/default; make helm builds the helm that is used")
	flag.StringVar(&o.evidence, "evidence", "bin/e2e-evidence", "folder for logs, events and descriptions when something fails")
	flag.BoolVar(&o.quick, "quick", false, "install, tell the stories, uninstall, and break nothing")
	flag.Parse()
	o.clusterDir = os.Getenv("CLUSTER_DIR") // set by cluster with
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ne2e:", err)
		os.Exit(1)
	}
}

// e2e is a test under way.
type e2e struct {
	options options
	root    string // of the module
	kubectl string
	client  client.Client
	way     installation
	report  markdown.Table
	// receiver is where deliveries go.
	receiver *controlplane.Operator
}

func run(ctx context.Context, o options) error {
	e, err := newE2E(o)
	if err != nil {
		return err
	}
	if err := e.refuseInstalled(ctx); err != nil {
		return err
	}
	started := time.Now()
	err = e.runChecks(ctx)
	fmt.Println()
	e.report.Print(os.Stdout)
	if err != nil {
		return errors.Join(err, e.keepEvidence(ctx))
	}
	fmt.Printf("Everything is as it should be, in %.0f s.\n", time.Since(started).Seconds())
	return nil
}

func newE2E(o options) (*e2e, error) {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return nil, err
	}
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		kubectl = filepath.Join(root, "bin", "k8s", "kubectl")
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), fastpixv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	e := &e2e{options: o, root: root, kubectl: kubectl, client: c, report: markdown.Table{{"checked", "seconds", "found"}}}
	e.way = e.installation()
	return e, nil
}

// check is one thing that must hold. It returns what is worth telling.
type check struct {
	what string
	do   func(context.Context) (string, error)
	// breaks says that it is left out of the quick form.
	breaks bool
}

func (e *e2e) checks() []check {
	return []check{
		{what: "install: " + e.way.name, do: e.install},
		{what: "README: the samples, the secret, and the endpoint is Ready", do: e.applySamples},
		{what: "the receiver is reached from outside", do: e.expose},
		{what: "the five stories and the published sample, kubectl wait, wait_job.yaml", do: e.tellStories},
		{what: "a bad signature is 401", do: e.forge},
		{what: "metrics by their Services, with and without a token", do: e.scrape},
		{what: "nobody else writes a status", do: e.writeStatus},
		{what: "view, edit and mirror-editor", do: e.checkRoles},
		{what: "Pod Security: restricted", do: e.checkPodSecurity},
		{what: "NetworkPolicies", do: e.checkNetworkPolicies},
		{what: "floods of unauthenticated clients at every port of every pod", do: e.floodPods, breaks: true},
		{what: "eviction leaves a receiver", do: e.evict, breaks: true},
		{what: "a receiver killed in a burst", do: e.killReceiver, breaks: true},
		{what: "the leader killed in a burst", do: e.killLeader, breaks: true},
		{what: "both Deployments rolled out under load", do: e.rollOut, breaks: true},
		{what: "the journal's quota reached, and left", do: e.fillQuota, breaks: true},
		{what: "no secret in a pod's log", do: e.checkLogs},
		{what: "uninstall keeps what it should", do: e.undeploy},
		{what: "install again, where it was left", do: e.installAgain},
		{what: "the receiver ends TLS itself", do: e.serveTLS},
		{what: "uninstall all of it", do: e.uninstall},
	}
}

func (e *e2e) runChecks(ctx context.Context) error {
	for _, c := range e.checks() {
		if c.breaks && e.options.quick {
			continue
		}
		started := time.Now()
		found, err := c.do(ctx)
		took := time.Since(started).Seconds()
		if err != nil {
			e.report.Add(c.what, fmt.Sprintf("%.1f", took), "FAILED")
			return fmt.Errorf("%s: %w", c.what, err)
		}
		e.report.Add(c.what, fmt.Sprintf("%.1f", took), found)
		fmt.Printf("%6.1f s  %s: %s\n", took, c.what, found)
	}
	return nil
}
