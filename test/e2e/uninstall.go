package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// undeploy removes the operator and checks that the mirrors, the endpoint and the operator's namespace still exist.
func (e *e2e) undeploy(ctx context.Context) (string, error) {
	before, err := e.countMirrors(ctx)
	if err != nil {
		return "", err
	}
	if err := e.installation.undeploy(ctx); err != nil {
		return "", err
	}
	var deployments appsv1.DeploymentList
	if err := e.client.List(ctx, &deployments, client.InNamespace(operatorNamespace)); err != nil {
		return "", err
	}
	if len(deployments.Items) > 0 {
		return "", fmt.Errorf("%d Deployments still exist", len(deployments.Items))
	}
	after, err := e.countMirrors(ctx)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", fmt.Errorf("%d of %d mirrors still exist, want all", after, before)
	}
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: endpoint}, &fastpixv1.WebhookEndpoint{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d mirrors and the endpoint still exist", after), e.client.Get(ctx, client.ObjectKey{Name: operatorNamespace}, &corev1.Namespace{})
}

// reinstall installs the operator again and checks that it continues with the objects that were kept: the mirrors are unchanged, and a new
// event is mirrored.
func (e *e2e) reinstall(ctx context.Context) (string, error) {
	if err := e.installation.install(ctx); err != nil {
		return "", err
	}
	if err := e.waitForRollout(ctx); err != nil {
		return "", err
	}
	if _, err := e.exposeReceiver(ctx); err != nil { // the Service is new
		return "", err
	}
	l := &load{medias: []string{"11111111-2222-4333-8444-555555555555"}}
	if err := e.deliverUntilAcknowledged(ctx, eventAbout(l.medias[0], "video.media.ready.json")); err != nil {
		return "", err
	}
	if err := e.waitUntilMirrored(ctx, l); err != nil {
		return "", err
	}
	var errs []error
	for _, m := range fixtures.Final() {
		if m.ID != fixtures.MediaA { // its state is not final: events about it filled the quota
			errs = append(errs, controlplane.CheckMirror(ctx, e.client, namespace, m))
		}
	}
	return "the mirrors are unchanged, and a new event is mirrored", errors.Join(errs...)
}

// uninstall removes everything, and checks that only the objects of the user still exist.
func (e *e2e) uninstall(ctx context.Context) (string, error) {
	if err := e.installation.uninstall(ctx); err != nil {
		return "", err
	}
	err := poll(ctx, 90*time.Second, func(ctx context.Context) (bool, error) {
		err := e.client.Get(ctx, client.ObjectKey{Name: operatorNamespace}, &corev1.Namespace{})
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", fmt.Errorf("wait until the namespace %s is deleted: %w", operatorNamespace, err)
	}
	remaining, err := e.run(ctx, "get", "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding",
		"--selector", "app.kubernetes.io/part-of=fastpix-operator", "-o", "name")
	if err != nil {
		return "", err
	}
	if remaining != "" {
		return "", fmt.Errorf("these objects still exist: %s", remaining)
	}
	var secret corev1.Secret
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "fastpix-signing-secret"}, &secret); err != nil {
		return "", fmt.Errorf("read the user's Secret: %w", err)
	}
	_, err = e.run(ctx, "delete", "namespace", namespace)
	return "CRDs, roles, policies and namespace are deleted; the user's namespace and Secret were kept", err
}

// countMirrors returns the number of mirrors.
func (e *e2e) countMirrors(ctx context.Context) (int, error) {
	var assets fastpixv1.MediaAssetList
	var streams fastpixv1.LiveStreamList
	err := errors.Join(e.client.List(ctx, &assets, client.InNamespace(namespace)), e.client.List(ctx, &streams, client.InNamespace(namespace)))
	return len(assets.Items) + len(streams.Items), err
}
