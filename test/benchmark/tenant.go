package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// tenant is a namespace with one endpoint. Each burst about new media has its own, so that what it left can be told apart.
type tenant struct{ namespace string }

const (
	endpointName = "fastpix"
	secretName   = "fastpix-signing-secret"
)

// secret is the tenant's own signing secret, as FastPix gives each webhook one.
func (t tenant) secret() string {
	key := sha256.Sum256([]byte(t.namespace))
	return base64.StdEncoding.EncodeToString(key[:])
}

func (t tenant) path() string { return "/webhooks/" + t.namespace + "/" + endpointName }

// newTenant makes a tenant and waits until its endpoint accepts events.
func (r *rig) newTenant(ctx context.Context, name string) (tenant, error) {
	t, err := r.addTenant(ctx, name)
	if err != nil {
		return t, err
	}
	return t, r.waitAccepting(ctx, t)
}

// addTenant makes a namespace with what config/samples puts there.
func (r *rig) addTenant(ctx context.Context, name string) (tenant, error) {
	t := tenant{namespace: "bench-" + name}
	if err := r.createNamespace(ctx, t.namespace); err != nil {
		return t, err
	}
	for _, o := range t.objects() {
		if err := r.admin.Create(ctx, o); err != nil {
			return t, fmt.Errorf("make tenant %s: %w", name, err)
		}
	}
	return t, nil
}

// waitAccepting waits until a tenant's endpoint accepts events.
func (r *rig) waitAccepting(ctx context.Context, t tenant) error {
	var e fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: endpointName}, &e)
		return apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady), err
	})
	if err != nil {
		return fmt.Errorf("wait for the endpoint in %s, conditions %v: %w", t.namespace, e.Status.Conditions, err)
	}
	return nil
}

func (t tenant) objects() []client.Object {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: t.namespace, Name: name} }
	return []client.Object{
		&corev1.Secret{
			ObjectMeta: meta(secretName), Type: fastpixv1.SigningSecretType,
			StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: t.secret()},
		},
		&rbacv1.Role{ObjectMeta: meta(secretName), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secretName}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta(secretName),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secretName},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: receiverAccount}},
		},
		&fastpixv1.WebhookEndpoint{ObjectMeta: meta(endpointName), Spec: fastpixv1.WebhookEndpointSpec{
			SigningSecrets: []fastpixv1.SigningSecretReference{{Name: secretName}},
		}},
	}
}

// verify compares every asset of a burst with what the events say.
func (r *rig) verify(ctx context.Context, b *burst) error {
	seen := 0
	err := r.eachAsset(ctx, b.tenant.namespace, func(a *fastpixv1.MediaAsset) error {
		want, ok := b.want[a.Name]
		if !ok {
			return nil // of another burst
		}
		seen++
		return want.check(a)
	})
	if err == nil && seen != len(b.want) {
		err = fmt.Errorf("%d assets are mirrored of %d", seen, len(b.want))
	}
	if err != nil {
		return fmt.Errorf("verify tenant %s: %w", b.tenant.namespace, err)
	}
	return nil
}

func (x expectation) check(a *fastpixv1.MediaAsset) error {
	s := a.Status
	switch {
	case s.State != x.state:
		return fmt.Errorf("asset %s is %q, not %q", a.Name, s.State, x.state)
	case s.LastEvent == nil || s.LastEvent.ID != x.lastEvent:
		return fmt.Errorf("asset %s has the last event %v, not %s", a.Name, s.LastEvent, x.lastEvent)
	case len(s.RecentEvents) < min(10, x.events):
		return fmt.Errorf("asset %s shows %d of %d events", a.Name, len(s.RecentEvents), x.events)
	}
	return nil
}

// eachAsset calls f for every asset of a namespace.
func (r *rig) eachAsset(ctx context.Context, namespace string, f func(*fastpixv1.MediaAsset) error) error {
	for token := ""; ; {
		var page fastpixv1.MediaAssetList
		if err := r.admin.List(ctx, &page, client.InNamespace(namespace), client.Limit(500), client.Continue(token)); err != nil {
			return err
		}
		for i := range page.Items {
			if err := f(&page.Items[i]); err != nil {
				return err
			}
		}
		if token = page.Continue; token == "" {
			return nil
		}
	}
}
