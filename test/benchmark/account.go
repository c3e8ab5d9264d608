package main

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	benchNamespace = "fastpix-bench"
	floorAccount   = "floor"
)

// floorConfig makes the ServiceAccount that writes the floor, with the rights for just that, and returns a client
// configuration with its token.
func (r *testEnv) floorConfig(ctx context.Context) (*rest.Config, error) {
	if err := r.createNamespace(ctx, benchNamespace); err != nil {
		return nil, err
	}
	meta := metav1.ObjectMeta{Namespace: benchNamespace, Name: floorAccount}
	for _, o := range []client.Object{
		&corev1.ServiceAccount{ObjectMeta: meta},
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{fastpixv1.GroupVersion.Group}, Resources: []string{"mediaassets"}, Verbs: []string{"create", "get"}},
			{APIGroups: []string{fastpixv1.GroupVersion.Group}, Resources: []string{"mediaassets/status"}, Verbs: []string{"update"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: floorAccount},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: benchNamespace, Name: floorAccount}},
		},
	} {
		if err := r.admin.Create(ctx, o); err != nil {
			return nil, fmt.Errorf("make the floor's account: %w", err)
		}
	}
	if err := r.admitFloor(ctx); err != nil {
		return nil, fmt.Errorf("admit the floor's account: %w", err)
	}
	identity, err := r.plane.ServiceAccount(ctx, benchNamespace, floorAccount)
	return identity.Config, err
}

// admitFloor lets the floor's account through the policy that keeps everybody but the controllers from writing statuses. The
// policy stays in force, so that the floor pays for it as the operator does.
func (r *testEnv) admitFloor(ctx context.Context) error {
	var policy admissionv1.ValidatingAdmissionPolicy
	if err := r.admin.Get(ctx, client.ObjectKey{Name: "fastpix-mirror-status"}, &policy); err != nil {
		return err
	}
	also := fmt.Sprintf(` || request.userInfo.username == "system:serviceaccount:%s:%s"`, benchNamespace, floorAccount)
	for i := range policy.Spec.Validations {
		policy.Spec.Validations[i].Expression += also
	}
	return r.admin.Update(ctx, &policy)
}
