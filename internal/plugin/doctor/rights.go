package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

// need is a right that a part of the operator needs.
type need struct {
	group, resource string
	verbs           []string
	// own says that the part needs it only in the operator's namespace.
	own bool
}

// The rights that several parts need.
var (
	needReviews = []need{
		{group: "authentication.k8s.io", resource: "tokenreviews", verbs: []string{"create"}},
		{group: "authorization.k8s.io", resource: "subjectaccessreviews", verbs: []string{"create"}},
	}
	needEvents    = need{group: "events.k8s.io", resource: "events", verbs: []string{"create", "patch"}}
	needEndpoints = need{group: fastpixv1.GroupVersion.Group, resource: "webhookendpoints", verbs: []string{"get", "list", "watch"}}
	needLeases    = need{group: "coordination.k8s.io", resource: "leases", verbs: []string{"create", "get", "update"}, own: true}
)

func ours(own bool, resource string, verbs ...string) need {
	return need{group: fastpixv1.GroupVersion.Group, resource: resource, verbs: verbs, own: own}
}

// needs are the rights of each part, as config/rbac grants them.
var needs = map[string][]need{
	"receiver": append([]need{
		needEvents, needEndpoints, ours(false, "webhookendpoints/status", "update"), ours(true, "eventbatches", "create"),
	}, needReviews...),
	"controllers": append([]need{
		needEvents, needEndpoints, needLeases, {resource: "namespaces", verbs: []string{"get", "list", "watch"}},
		ours(false, "livestreams", "create", "delete", "get", "list", "watch"), ours(false, "mediaassets", "create", "delete", "get", "list", "watch"),
		ours(false, "livestreams/status", "update"), ours(false, "mediaassets/status", "update"), ours(false, "webhookendpoints/status", "update"),
		ours(true, "eventbatches", "create", "delete", "get", "list", "watch"), ours(true, "eventbatches/status", "update"),
	}, needReviews...),
	"syncer": append([]need{
		needEvents, needEndpoints, needLeases,
		ours(false, "livestreams", "get", "list"), ours(false, "mediaassets", "get", "list"), ours(false, "webhookendpoints/status", "get", "update"),
		ours(true, "eventbatches", "create"),
	}, needReviews...),
}

// checkRights asks the API server whether each part has its rights.
func checkRights(ctx context.Context, p *patient) []Result {
	parts, err := install.Parts(ctx, p.client, p.OperatorNamespace)
	if err != nil {
		return []Result{unread("", err)}
	}
	if len(parts) == 0 {
		return []Result{skipped("", "no part is installed in namespace %s", p.OperatorNamespace)}
	}
	var results []Result
	for _, part := range parts {
		results = append(results, p.rightsOf(ctx, part))
	}
	return results
}

func (p *patient) rightsOf(ctx context.Context, part install.Part) Result {
	var missing []string
	for _, n := range needs[part.Component] {
		for _, verb := range n.verbs {
			a := &authorizationv1.ResourceAttributes{Verb: verb, Group: n.group}
			a.Resource, a.Subresource, _ = strings.Cut(n.resource, "/")
			if n.own {
				a.Namespace = p.OperatorNamespace
			}
			allowed, err := p.may(ctx, part.ServiceAccount, a)
			if err != nil {
				return unread(part.Component, err)
			}
			if !allowed {
				missing = append(missing, verb+" "+schema.GroupResource{Group: n.group, Resource: n.resource}.String())
			}
		}
	}
	if missing != nil {
		return fail(part.Component, "kubectl apply -k config/rbac, or upgrade the Helm release: its ClusterRole, Role or a binding was changed.",
			"the ServiceAccount %s may not %s", part.ServiceAccount, strings.Join(missing, ", "))
	}
	return pass(part.Component, "the ServiceAccount %s has its rights", part.ServiceAccount)
}

// may asks the API server whether a ServiceAccount of the operator has a right.
func (p *patient) may(ctx context.Context, account string, a *authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + p.OperatorNamespace + ":" + account,
		// The groups that the API server adds to every ServiceAccount.
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + p.OperatorNamespace, "system:authenticated"},
		ResourceAttributes: a,
	}}
	err := p.client.Create(ctx, review)
	return review.Status.Allowed, err
}

// checkSecretRights asks the API server whether the receiver and the syncer may read the Secrets that the endpoints name.
func checkSecretRights(ctx context.Context, p *patient) []Result {
	accounts, err := install.Accounts(ctx, p.client, p.OperatorNamespace)
	if err != nil {
		return []Result{unread("", err)}
	}
	return p.eachEndpoint(ctx, func(ctx context.Context, e *fastpixv1.WebhookEndpoint) []Result {
		var results []Result
		for _, ref := range e.Spec.SigningSecrets {
			results = append(results, p.secretRight(ctx, e, "receiver", accounts["receiver"], ref.Name))
		}
		if e.Spec.Sync != nil {
			results = append(results, p.secretRight(ctx, e, "syncer", accounts["syncer"], e.Spec.Sync.CredentialsSecret.Name))
		}
		return slices.Compact(results) // two keys of one Secret need one right
	})
}

func (p *patient) secretRight(ctx context.Context, e *fastpixv1.WebhookEndpoint, component, account, secret string) Result {
	allowed, err := p.may(ctx, account, &authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Name: secret, Namespace: e.Namespace})
	switch {
	case err != nil:
		return unread(nameOf(e), err)
	case allowed:
		return pass(nameOf(e), "the %s may read Secret %s", component, secret)
	}
	mend := fmt.Sprintf("kubectl -n %[1]s create role fastpix-read-%[2]s --verb=get --resource=secrets --resource-name=%[2]s\n"+
		"kubectl -n %[1]s create rolebinding fastpix-read-%[2]s --role=fastpix-read-%[2]s --serviceaccount=%[3]s:%[4]s", e.Namespace, secret, p.OperatorNamespace, account)
	return fail(nameOf(e), mend, "the %s may not read Secret %s", component, secret)
}
