package security

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// These tests protect least privilege: they list by hand what each identity may do, and ask the real authorizer about every resource that the API
// server serves.

const (
	receiverUser    = "system:serviceaccount:fastpix-system:fastpix-receiver"
	controllersUser = "system:serviceaccount:fastpix-system:fastpix-controller-manager"
	syncerUser      = "system:serviceaccount:fastpix-system:fastpix-syncer"
)

// verbs are the ordinary ones and those by which a right becomes another right.
var verbs = []string{
	"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
	"bind", "escalate", "impersonate", "use", "approve", "sign", "attest",
}

func TestIdentitiesMayDoNothingElse(t *testing.T) {
	bound := framework.NewEndpoint(t).Namespace
	const everywhere = "" // in all namespaces, and for kinds that have none
	all := []string{
		"create subjectaccessreviews.authorization.k8s.io everywhere",
		"create tokenreviews.authentication.k8s.io everywhere",
		"create,patch events.events.k8s.io everywhere",
		"get,list,watch webhookendpoints.video.fastpix.com everywhere",
	}
	tests := map[string]struct {
		user string
		want []string
	}{
		"receiver": {receiverUser, append([]string{
			"create eventbatches.video.fastpix.com in fastpix-system",
			"update webhookendpoints.video.fastpix.com/status everywhere",
		}, all...)},
		"controllers": {controllersUser, append([]string{
			"create,delete,get,list,watch eventbatches.video.fastpix.com in fastpix-system",
			"update eventbatches.video.fastpix.com/status in fastpix-system",
			"create,get,update leases.coordination.k8s.io in fastpix-system",
			"get,list,watch namespaces everywhere",
			"create,delete,get,list,watch livestreams.video.fastpix.com everywhere",
			"create,delete,get,list,watch mediaassets.video.fastpix.com everywhere",
			"update livestreams.video.fastpix.com/status everywhere",
			"update mediaassets.video.fastpix.com/status everywhere",
			"update webhookendpoints.video.fastpix.com/status everywhere",
		}, all...)},
		"syncer": {syncerUser, append([]string{
			"create eventbatches.video.fastpix.com in fastpix-system",
			"create,get,update leases.coordination.k8s.io in fastpix-system",
			"get,list livestreams.video.fastpix.com everywhere",
			"get,list mediaassets.video.fastpix.com everywhere",
			"get,update webhookendpoints.video.fastpix.com/status everywhere",
		}, all...)},
	}
	// What every authenticated user may do is no right of these identities.
	baseline := rights(t, "system:serviceaccount:default:nobody", everywhere, framework.OperatorNamespace, bound)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := rights(t, tt.user, everywhere, framework.OperatorNamespace, bound)
			got = slices.DeleteFunc(got, func(right string) bool { return slices.Contains(baseline, right) })
			slices.Sort(tt.want)
			for _, right := range got {
				if !slices.Contains(tt.want, right) {
					t.Errorf("may %s, and should not", right)
				}
			}
			for _, right := range tt.want {
				if !slices.Contains(got, right) {
					t.Errorf("may not %s, and must", right)
				}
			}
		})
	}
}

// rights lists what a user may do, one line for each resource and the widest place where a verb is allowed.
func rights(t *testing.T, user string, namespaces ...string) []string {
	t.Helper()
	var lines []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for _, r := range servedResources(t) {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			allowed := map[string]bool{}
			for _, namespace := range namespaces {
				var here []string
				for _, verb := range verbs {
					if allowed[verb] || !may(t, user, verb, namespace, r) {
						continue
					}
					here = append(here, verb)
					allowed[verb] = namespace == ""
				}
				if len(here) > 0 {
					slices.Sort(here)
					mu.Lock()
					lines = append(lines, fmt.Sprintf("%s %s %s", strings.Join(here, ","), r, place(namespace)))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(lines)
	return lines
}

func place(namespace string) string {
	if namespace == "" {
		return "everywhere"
	}
	return "in " + namespace
}

// resource is a kind of thing that the API server serves, or a subresource of it.
type resource struct{ group, name, subresource string }

func (r resource) String() string {
	s := r.name
	if r.group != "" {
		s += "." + r.group
	}
	if r.subresource != "" {
		s += "/" + r.subresource
	}
	return s
}

func servedResources(t *testing.T) []resource {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(framework.Deployed.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := d.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[resource]bool{}
	var all []resource
	for _, l := range lists {
		group, _, found := strings.Cut(l.GroupVersion, "/")
		if !found {
			group = ""
		}
		for _, r := range l.APIResources {
			name, subresource, _ := strings.Cut(r.Name, "/")
			if key := (resource{group, name, subresource}); !seen[key] {
				seen[key] = true
				all = append(all, key)
			}
		}
	}
	// Not served, but rights nevertheless.
	return append(all, resource{"", "users", ""}, resource{"", "groups", ""}, resource{"*", "*", ""})
}

func may(t *testing.T, user, verb, namespace string, r resource) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + framework.OperatorNamespace, "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: r.group, Resource: r.name, Subresource: r.subresource,
		},
	}}
	if err := framework.Deployed.Admin.Create(t.Context(), review); err != nil {
		t.Error(err)
	}
	return review.Status.Allowed
}

// TestForbiddenCallsAreRefused asks with the real tokens for what an attacker would try first.
func TestForbiddenCallsAreRefused(t *testing.T) {
	bound, unbound := framework.NewEndpoint(t).Namespace, framework.NewNamespace(t)
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	framework.Create(t, &corev1.Secret{ObjectMeta: meta(unbound, "signing-secret"), Type: fastpixv1.SigningSecretType})
	framework.Create(t, &corev1.Secret{ObjectMeta: meta(bound, "another")})
	framework.CreateAPISecret(t, bound, "id", "key")
	get := func(o client.Object) func(context.Context, client.Client) error {
		return func(ctx context.Context, c client.Client) error { return c.Get(ctx, client.ObjectKeyFromObject(o), o) }
	}
	list := func(l client.ObjectList, o ...client.ListOption) func(context.Context, client.Client) error {
		return func(ctx context.Context, c client.Client) error { return c.List(ctx, l, o...) }
	}
	post := func(o client.Object) func(context.Context, client.Client) error {
		return func(ctx context.Context, c client.Client) error { return c.Create(ctx, o, client.DryRunAll) }
	}
	batch := fastpixv1.EventBatchSpec{Events: []string{"{}"}}

	receiver, controllers, syncer := framework.Deployed.AsReceiver, framework.Deployed.AsControllers, framework.Deployed.AsSyncer
	tests := map[string]struct {
		as      controlplane.Identity
		call    func(context.Context, client.Client) error
		allowed bool
	}{
		"receiver reads the secret it is bound to":            {receiver, get(&corev1.Secret{ObjectMeta: meta(bound, "signing-secret")}), true},
		"receiver reads another secret there":                 {receiver, get(&corev1.Secret{ObjectMeta: meta(bound, "another")}), false},
		"receiver reads a secret of an unbound namespace":     {receiver, get(&corev1.Secret{ObjectMeta: meta(unbound, "signing-secret")}), false},
		"receiver lists secrets where it is bound":            {receiver, list(&corev1.SecretList{}, client.InNamespace(bound)), false},
		"receiver lists all secrets":                          {receiver, list(&corev1.SecretList{}), false},
		"receiver reads a secret of its own namespace":        {receiver, get(&corev1.Secret{ObjectMeta: meta(framework.OperatorNamespace, "any")}), false},
		"receiver writes to the journal":                      {receiver, post(&fastpixv1.EventBatch{ObjectMeta: meta(framework.OperatorNamespace, "b"), Spec: batch}), true},
		"receiver writes a batch elsewhere":                   {receiver, post(&fastpixv1.EventBatch{ObjectMeta: meta(bound, "b"), Spec: batch}), false},
		"receiver reads the journal":                          {receiver, list(&fastpixv1.EventBatchList{}, client.InNamespace(framework.OperatorNamespace)), false},
		"receiver makes an asset":                             {receiver, post(&fastpixv1.MediaAsset{ObjectMeta: meta(bound, "m"), Spec: fastpixv1.MediaAssetSpec{MediaID: "m"}}), false},
		"receiver reads assets":                               {receiver, list(&fastpixv1.MediaAssetList{}), false},
		"receiver binds itself":                               {receiver, post(&rbacv1.RoleBinding{ObjectMeta: meta(bound, "b"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "admin"}}), false},
		"receiver reads the API's credentials":                {receiver, get(&corev1.Secret{ObjectMeta: meta(bound, tenant.APISecretName)}), false},
		"controllers read the API's credentials":              {controllers, get(&corev1.Secret{ObjectMeta: meta(bound, tenant.APISecretName)}), false},
		"syncer reads the API's credentials it is bound to":   {syncer, get(&corev1.Secret{ObjectMeta: meta(bound, tenant.APISecretName)}), true},
		"syncer reads a signing secret":                       {syncer, get(&corev1.Secret{ObjectMeta: meta(bound, "signing-secret")}), false},
		"syncer lists secrets where it is bound":              {syncer, list(&corev1.SecretList{}, client.InNamespace(bound)), false},
		"syncer lists all secrets":                            {syncer, list(&corev1.SecretList{}), false},
		"syncer writes to the journal":                        {syncer, post(&fastpixv1.EventBatch{ObjectMeta: meta(framework.OperatorNamespace, "s"), Spec: batch}), true},
		"syncer writes a batch elsewhere":                     {syncer, post(&fastpixv1.EventBatch{ObjectMeta: meta(bound, "s"), Spec: batch}), false},
		"syncer reads the journal":                            {syncer, list(&fastpixv1.EventBatchList{}, client.InNamespace(framework.OperatorNamespace)), false},
		"syncer reads assets":                                 {syncer, list(&fastpixv1.MediaAssetList{}), true},
		"syncer makes an asset":                               {syncer, post(&fastpixv1.MediaAsset{ObjectMeta: meta(bound, "m"), Spec: fastpixv1.MediaAssetSpec{MediaID: "m"}}), false},
		"controllers read a secret":                           {controllers, get(&corev1.Secret{ObjectMeta: meta(bound, "signing-secret")}), false},
		"controllers list all secrets":                        {controllers, list(&corev1.SecretList{}), false},
		"controllers read the journal":                        {controllers, list(&fastpixv1.EventBatchList{}, client.InNamespace(framework.OperatorNamespace)), true},
		"controllers read batches elsewhere":                  {controllers, list(&fastpixv1.EventBatchList{}), false},
		"controllers make an endpoint":                        {controllers, post(&fastpixv1.WebhookEndpoint{ObjectMeta: meta(bound, "e")}), false},
		"controllers read pods":                               {controllers, list(&corev1.PodList{}), false},
		"controllers read the config maps of their namespace": {controllers, list(&corev1.ConfigMapList{}, client.InNamespace(framework.OperatorNamespace)), false},
	}
	for _, allowed := range []bool{true, false} { // what is allowed first, so that the API server knows every binding when it refuses
		for name, tt := range tests {
			if tt.allowed != allowed {
				continue
			}
			t.Run(name, func(t *testing.T) {
				c, err := client.New(tt.as.Config, client.Options{Scheme: framework.Deployed.Admin.Scheme()})
				if err != nil {
					t.Fatal(err)
				}
				if allowed {
					framework.Eventually(t, "it is allowed", func(ctx context.Context) error { return tt.call(ctx, c) })
					return
				}
				if err := tt.call(t.Context(), c); !apierrors.IsForbidden(err) {
					t.Errorf("error is %v, want Forbidden", err)
				}
			})
		}
	}
}

// TestUsersRights protects what view and edit gain when the aggregated roles are installed: never the journal, never a
// status.
func TestUsersRights(t *testing.T) {
	namespace := framework.NewNamespace(t)
	tests := map[string][]string{
		"fastpix-view": {
			"get,list,watch livestreams.video.fastpix.com in " + namespace,
			"get,list,watch mediaassets.video.fastpix.com in " + namespace,
			"get,list,watch webhookendpoints.video.fastpix.com in " + namespace,
		},
		"fastpix-edit": {
			"create,delete,deletecollection,patch,update webhookendpoints.video.fastpix.com in " + namespace,
		},
	}
	tests["fastpix-mirror-editor"] = []string{
		"create,delete,get,list,patch,update,watch livestreams.video.fastpix.com in " + namespace,
		"create,delete,get,list,patch,update,watch mediaassets.video.fastpix.com in " + namespace,
	}
	baseline := rights(t, "nobody", namespace)
	for role, want := range tests {
		t.Run(role, func(t *testing.T) {
			framework.Create(t, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role}},
			})
			verb, _, _ := strings.Cut(want[0], ",")
			name, _, _ := strings.Cut(strings.Fields(want[0])[1], ".")
			framework.WaitAllowed(t, authorizationv1.SubjectAccessReviewSpec{User: role, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: verb, Group: fastpixv1.GroupVersion.Group, Resource: name,
			}})
			got := rights(t, role, namespace)
			got = slices.DeleteFunc(got, func(right string) bool { return slices.Contains(baseline, right) })
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("may\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
