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

// options are the settings of the test.
type options struct {
	// url is the URL of the receiver. If it is empty, the test makes the receiver's Service a NodePort.
	url string
	// image is the image of the operator.
	image string
	// chart installs the Helm chart instead of config/default.
	chart bool
	// clusterDir is the state folder if the cluster is one of hack/cluster, and empty for other clusters.
	clusterDir string
	// evidence is the folder for logs, events and descriptions after a failure.
	evidence string
	// quick skips the checks that break something.
	quick bool
	// disaster runs the commands of docs/disaster-recovery.md instead of the usual checks.
	disaster bool
}

func main() {
	var o options
	flag.StringVar(&o.url, "receiver-url", "", "URL of the receiver as this test reaches it, without a path. By default the test makes the receiver's Service a NodePort.")
	flag.StringVar(&o.image, "image", defaultImage, "Image to install. Every node must have it or be able to pull it.")
	flag.BoolVar(&o.chart, "chart", false, "Install the Helm chart instead of config/default, with the helm that make helm builds.")
	flag.StringVar(&o.evidence, "evidence", "bin/e2e-evidence", "Folder for logs, events and descriptions after a failure.")
	flag.BoolVar(&o.quick, "quick", false, "Run only the checks that break nothing: install, send the scenarios, uninstall.")
	flag.BoolVar(&o.disaster, "disaster", false, "Run the commands of docs/disaster-recovery.md instead of the usual checks. Needs a cluster of hack/cluster.")
	flag.Parse()
	o.clusterDir = os.Getenv("CLUSTER_DIR") // bin/cluster with sets it
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ne2e:", err)
		os.Exit(1)
	}
}

// e2e is a run of the test.
type e2e struct {
	options      options
	root         string // of the module
	kubectl      string
	client       client.Client
	installation installation
	report       markdown.Table
	// receiver is the receiver to which the test sends deliveries.
	receiver *controlplane.Operator
}

func run(ctx context.Context, o options) error {
	e, err := newE2E(o)
	if err != nil {
		return err
	}
	if err := e.requireNotInstalled(ctx); err != nil {
		return err
	}
	started := time.Now()
	err = e.runChecks(ctx)
	fmt.Println()
	e.report.Print(os.Stdout)
	if err != nil {
		return errors.Join(err, e.collectEvidence(ctx))
	}
	fmt.Printf("All checks passed in %.0f s.\n", time.Since(started).Seconds())
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
	e.installation = e.newInstallation()
	return e, nil
}

// check is one check of the test. It returns a short result for the table.
type check struct {
	what string
	do   func(context.Context) (string, error)
	// breaks is true if the check breaks something. Such checks are skipped with -quick.
	breaks bool
}

func (e *e2e) checks() []check {
	return []check{
		{what: "install: " + e.installation.name, do: e.install},
		{what: "README: the samples, the secret, and the endpoint is Ready", do: e.applySamples},
		{what: "the receiver is reached from outside", do: e.exposeReceiver},
		{what: "the five scenarios and the published sample, kubectl wait, wait_job.yaml", do: e.runScenarios},
		{what: "a wrong signature is answered 401", do: e.checkForgedSignature},
		{what: "metrics through their Services, with and without a token", do: e.checkMetrics},
		{what: "only the controllers may write a status", do: e.checkStatusIsProtected},
		{what: "the roles view, edit and mirror-editor", do: e.checkRoles},
		{what: "Pod Security: restricted", do: e.checkPodSecurity},
		{what: "NetworkPolicies", do: e.checkNetworkPolicies},
		{what: "floods of unauthenticated clients at every port of every pod", do: e.floodPods, breaks: true},
		{what: "eviction keeps one receiver running", do: e.evict, breaks: true},
		{what: "a receiver is killed during a burst", do: e.killReceiver, breaks: true},
		{what: "the leader is killed during a burst", do: e.killLeader, breaks: true},
		{what: "all Deployments are rolled out under load", do: e.rollOut, breaks: true},
		{what: "the quota of the journal is reached, and the journal is emptied", do: e.fillQuota, breaks: true},
		{what: "sync mirrors a workspace of a fake API, and repairs it before and after the syncer is killed", do: e.checkSync, breaks: true},
		{what: "no secret in the log of a pod", do: e.checkLogs},
		{what: "uninstalling the operator keeps mirrors and journal", do: e.undeploy},
		{what: "installing it again continues with them", do: e.reinstall},
		{what: "the receiver terminates TLS itself", do: e.checkTLS},
		{what: "uninstalling everything", do: e.uninstall},
	}
}

func (e *e2e) runChecks(ctx context.Context) error {
	checks := e.checks()
	if e.options.disaster {
		checks = e.disasterChecks()
	}
	for _, c := range checks {
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
