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

// undeploy removes the operator and looks whether its users' resources and its namespace are as they were.
func (e *e2e) undeploy(ctx context.Context) (string, error) {
	before, err := e.mirrors(ctx)
	if err != nil {
		return "", err
	}
	if err := e.way.undeploy(ctx); err != nil {
		return "", err
	}
	var deployments appsv1.DeploymentList
	if err := e.client.List(ctx, &deployments, client.InNamespace(operatorNamespace)); err != nil {
		return "", err
	}
	if len(deployments.Items) > 0 {
		return "", fmt.Errorf("%d Deployments are left", len(deployments.Items))
	}
	after, err := e.mirrors(ctx)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", fmt.Errorf("of %d mirrors %d are left", before, after)
	}
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: endpoint}, &fastpixv1.WebhookEndpoint{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d mirrors and the endpoint are left", after), e.client.Get(ctx, client.ObjectKey{Name: operatorNamespace}, &corev1.Namespace{})
}

// installAgain shows that what was kept is taken up: the mirrors say what they said, and an event is mirrored.
func (e *e2e) installAgain(ctx context.Context) (string, error) {
	if err := e.way.install(ctx); err != nil {
		return "", err
	}
	if err := e.waitRollOut(ctx); err != nil {
		return "", err
	}
	if _, err := e.expose(ctx); err != nil { // the Service is another one
		return "", err
	}
	l := &load{medias: []string{"11111111-2222-4333-8444-555555555555"}}
	if err := e.deliverPatiently(ctx, eventAbout(l.medias[0], "video.media.ready.json")); err != nil {
		return "", err
	}
	if err := e.waitMirrored(ctx, l); err != nil {
		return "", err
	}
	var errs []error
	for _, m := range fixtures.Final() {
		if m.ID != fixtures.MediaA { // events about it filled the quota
			errs = append(errs, controlplane.CheckMirror(ctx, e.client, namespace, m))
		}
	}
	return "what was mirrored is as it was, a new event is mirrored", errors.Join(errs...)
}

// uninstall removes everything; only what the user made beside it stays.
func (e *e2e) uninstall(ctx context.Context) (string, error) {
	if err := e.way.uninstall(ctx); err != nil {
		return "", err
	}
	err := poll(ctx, 90*time.Second, func(ctx context.Context) (bool, error) {
		err := e.client.Get(ctx, client.ObjectKey{Name: operatorNamespace}, &corev1.Namespace{})
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", fmt.Errorf("the namespace %s does not go: %w", operatorNamespace, err)
	}
	left, err := e.run(ctx, "get", "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding",
		"--selector", "app.kubernetes.io/part-of=fastpix-operator", "-o", "name")
	if err != nil {
		return "", err
	}
	if left != "" {
		return "", fmt.Errorf("these are left: %s", left)
	}
	var secret corev1.Secret
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "fastpix-signing-secret"}, &secret); err != nil {
		return "", fmt.Errorf("the user's Secret: %w", err)
	}
	_, err = e.run(ctx, "delete", "namespace", namespace)
	return "CRDs, roles, policies and namespace are gone; the user's namespace and Secret were left", err
}

// mirrors returns how many there are.
func (e *e2e) mirrors(ctx context.Context) (int, error) {
	var assets fastpixv1.MediaAssetList
	var streams fastpixv1.LiveStreamList
	err := errors.Join(e.client.List(ctx, &assets, client.InNamespace(namespace)), e.client.List(ctx, &streams, client.InNamespace(namespace)))
	return len(assets.Items) + len(streams.Items), err
}
