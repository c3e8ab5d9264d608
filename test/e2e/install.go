package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// The commands of the README. TestCommandsMatchTheDocumentation compares them.
const (
	readmeApply        = "kubectl apply -k config/default"
	readmeSamples      = "kubectl apply -f config/samples/namespace.yaml -f config/samples/receiver_role.yaml -f config/samples/webhook_endpoint.yaml"
	readmeCreateSecret = "kubectl --namespace video create secret generic fastpix-signing-secret " +
		"--type=video.fastpix.com/signing-secret --from-literal=signing-secret=PASTE"
	readmeWaitEndpoint = "kubectl --namespace video wait --for=condition=Ready webhookendpoint/fastpix"
	readmeQuota        = "kubectl apply -k config/quota"
	readmeMediaAsset   = "kubectl apply -f config/samples/media_asset.yaml"
	readmeWaitAsset    = "kubectl wait -n video --for=condition=Ready mediaasset/d003b383-bac0-42e9-a039-9bd4360f98a3 --timeout=15m"

	// The commands of docs/helm.md.
	helmInstall   = "helm install fastpix config/helm/fastpix-operator --namespace fastpix-system --create-namespace"
	helmLabel     = "kubectl label namespace fastpix-system pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted"
	helmTest      = "helm test fastpix --namespace fastpix-system --logs"
	helmUninstall = "helm uninstall fastpix --namespace fastpix-system"
	helmCRDs      = "kubectl delete customresourcedefinition eventbatches.video.fastpix.com livestreams.video.fastpix.com mediaassets.video.fastpix.com " +
		"webhookendpoints.video.fastpix.com"
	helmNamespace = "kubectl delete namespace fastpix-system"

	defaultImage = "fastpix-operator:dev"
	rolloutLimit = "--timeout=180s"
)

// installation is a way to install and remove the operator.
type installation struct {
	name string
	// install installs everything. undeploy removes the operator and keeps the CRDs, their objects and the namespace. uninstall removes
	// everything.
	install, undeploy, uninstall func(context.Context) error
	// test tests that the operator answers. It is nil if this way to install has no test.
	test func(context.Context) error
	// enableTLS configures the receiver to use the Secret tlsSecret.
	enableTLS func(context.Context) error
}

// newInstallation returns the installation that the options select.
func (e *e2e) newInstallation() installation {
	if e.options.chart {
		return e.helmInstallation()
	}
	i := installation{
		name:      "kubectl apply -k config/default",
		install:   e.commands(readmeApply),
		undeploy:  e.commands("make undeploy"),
		uninstall: e.commands("make uninstall"),
		enableTLS: e.applyTLSOverlay,
	}
	if image := e.options.image; image != defaultImage {
		i.name, i.install = "make deploy", e.commands("make deploy IMG="+image)
	}
	return i
}

func (e *e2e) helmInstallation() installation {
	repository, tag := e.options.repositoryAndTag()
	return installation{
		name: "helm install",
		install: e.commands(fmt.Sprintf("%s --set image.repository=%s --set image.tag=%s", helmInstall, repository, tag),
			helmLabel+" --overwrite"),
		test:      e.commands(helmTest),
		undeploy:  e.commands(helmUninstall),
		uninstall: e.commands(helmUninstall, helmCRDs, helmNamespace),
		enableTLS: e.commands("helm upgrade fastpix config/helm/fastpix-operator --namespace fastpix-system --reset-then-reuse-values --set receiver.tls.secretName=" +
			tlsSecret),
	}
}

// repositoryAndTag returns the name and the tag of the image. The option -image always has a tag.
func (o options) repositoryAndTag() (repository, tag string) {
	colon := strings.LastIndexByte(o.image, ':')
	return o.image[:colon], o.image[colon+1:]
}

// commands returns a function that runs the commands in order.
func (e *e2e) commands(lines ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, line := range lines {
			if err := e.runDocumented(ctx, line); err != nil {
				return err
			}
		}
		return nil
	}
}

// requireNotInstalled returns an error if the operator is already installed, because the test deletes all mirrors at the end.
func (e *e2e) requireNotInstalled(ctx context.Context) error {
	found, err := e.run(ctx, "get", "crd", "webhookendpoints.video.fastpix.com", "--ignore-not-found", "-o", "name")
	if err == nil && found != "" {
		err = errors.New("the cluster already has the CRDs of the operator. This test deletes them at the end, with all mirrors. Use a cluster without the operator")
	}
	return err
}

func (e *e2e) install(ctx context.Context) (string, error) {
	if err := e.installation.install(ctx); err != nil {
		return "", err
	}
	if err := e.waitForRollout(ctx); err != nil {
		return "", err
	}
	var pods corev1.PodList
	if err := e.client.List(ctx, &pods, client.InNamespace(operatorNamespace)); err != nil {
		return "", err
	}
	found := fmt.Sprintf("%d pods are ready", len(pods.Items))
	if e.installation.test == nil {
		return found, nil
	}
	return found + ", helm test succeeds", e.installation.test(ctx)
}

func (e *e2e) waitForRollout(ctx context.Context) error {
	for _, name := range []string{receivers, controllers, syncers} {
		if _, err := e.run(ctx, "-n", operatorNamespace, "rollout", "status", "deployment/"+name, rolloutLimit); err != nil {
			return err
		}
	}
	return nil
}

// applySamples runs the commands of the README, with the signing secret of the fixtures.
func (e *e2e) applySamples(ctx context.Context) (string, error) {
	for _, line := range []string{
		readmeSamples, strings.Replace(readmeCreateSecret, "PASTE", fixtures.SigningSecret, 1), readmeWaitEndpoint,
	} {
		if err := e.runDocumented(ctx, line); err != nil {
			return "", err
		}
	}
	return "three commands of the README", nil
}

// exposeReceiver makes the receiver reachable from outside the cluster, and waits until it answers a probe as the dashboard sends it.
func (e *e2e) exposeReceiver(ctx context.Context) (string, error) {
	url := e.options.url
	if url == "" {
		var err error
		if url, err = e.nodePort(ctx); err != nil {
			return "", err
		}
	}
	e.receiver = &controlplane.Operator{ReceiverURL: url}
	var code int
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		code, _ = e.receiver.Post(ctx, path, []byte("{}"), "")
		return code == 200, nil
	})
	if err != nil {
		return "", fmt.Errorf("the answer to the probe of %s%s is %d: %w", url, path, code, err)
	}
	return url, nil
}

// nodePort makes the receiver's Service a NodePort, and returns its URL.
func (e *e2e) nodePort(ctx context.Context) (string, error) {
	if _, err := e.run(ctx, "-n", operatorNamespace, "patch", "service", receivers, "--patch", `{"spec": {"type": "NodePort"}}`); err != nil {
		return "", err
	}
	var service corev1.Service
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: receivers}, &service); err != nil {
		return "", err
	}
	port, scheme := service.Spec.Ports[0], "http"
	if port.Port == 443 {
		scheme = "https"
	}
	address, err := e.nodeAddress(ctx)
	return fmt.Sprintf("%s://%s:%d", scheme, address, port.NodePort), err
}

// nodeAddress returns the internal address of the first node that has one.
func (e *e2e) nodeAddress(ctx context.Context) (string, error) {
	var nodes corev1.NodeList
	if err := e.client.List(ctx, &nodes); err != nil {
		return "", err
	}
	for _, node := range nodes.Items {
		for _, address := range node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP {
				return address.Address, nil
			}
		}
	}
	return "", errors.New("no node has an internal address: set -receiver-url")
}
