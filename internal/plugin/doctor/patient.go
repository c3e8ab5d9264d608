package doctor

import (
	"context"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// patient is the installation that is checked, and what checks share.
type patient struct {
	*cli.Options
	client client.Client
	// namespace holds the endpoints to check; empty for all namespaces.
	namespace string
	// probe allows requests to the URLs of endpoints.
	probe bool
	// resolver and transport reach them.
	resolver  *net.Resolver
	transport http.RoundTripper
	// endpoints are the endpoints to check, and endpointsErr is why they are not known.
	endpoints    []fastpixv1.WebhookEndpoint
	endpointsErr error
}

// readEndpoints reads the endpoints to check.
func (p *patient) readEndpoints(ctx context.Context) {
	p.endpointsErr = cli.Each(ctx, p.client, &fastpixv1.WebhookEndpointList{}, func(e *fastpixv1.WebhookEndpoint) error {
		p.endpoints = append(p.endpoints, *e)
		return nil
	}, client.InNamespace(p.namespace))
}

// eachEndpoint checks every endpoint.
func (p *patient) eachEndpoint(check func(*fastpixv1.WebhookEndpoint) []Result) []Result {
	if p.endpointsErr != nil {
		return []Result{unread("", p.endpointsErr)}
	}
	if len(p.endpoints) == 0 {
		where := "in namespace " + p.namespace
		if p.namespace == "" {
			where = "in the cluster"
		}
		return []Result{skipped("", "there is no WebhookEndpoint %s", where)}
	}
	var results []Result
	for i := range p.endpoints {
		results = append(results, check(&p.endpoints[i])...)
	}
	return results
}

// nameOf names an endpoint in results.
func nameOf(e *fastpixv1.WebhookEndpoint) string { return e.Namespace + "/" + e.Name }

// check is one of the checks.
type check struct {
	name string
	run  func(context.Context, *patient) []Result
}

// checks are all checks, from outside to inside.
var checks = []check{
	{"kinds", checkKinds},
	{"deployments", checkDeployments},
	{"versions", checkVersions},
	{"leaders", checkLeaders},
	{"rights", checkRights},
	{"network-policies", checkPolicies},
	{"clocks", checkClocks},
	{"endpoints", checkEndpoints},
	{"secrets", checkSecrets},
	{"secret-rights", checkSecretRights},
	{"urls", checkURLs},
	{"journal", checkJournal},
	{"monitoring", checkMonitoring},
}

// timeout bounds one check.
const timeout = 30 * time.Second

// examine runs all checks.
func (p *patient) examine(ctx context.Context) []Result {
	p.readEndpoints(ctx)
	var all []Result
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, timeout)
		for _, r := range c.run(limited, p) {
			r.Check = c.name
			all = append(all, r)
		}
		cancel()
	}
	return all
}
