package doctor

import (
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"k8s.io/client-go/util/workqueue"
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

// parallel is how many endpoints are checked at a time.
const parallel = 16

// eachEndpoint checks every endpoint, and returns the results in the order of the endpoints. Each has a time limit of its own, so that many endpoints take long
// and are no fault.
func (p *patient) eachEndpoint(ctx context.Context, check func(context.Context, *fastpixv1.WebhookEndpoint) []Result) []Result {
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
	results := make([][]Result, len(p.endpoints))
	workqueue.ParallelizeUntil(ctx, parallel, len(p.endpoints), func(i int) {
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		results[i] = check(limited, &p.endpoints[i])
	})
	return slices.Concat(results...)
}

// nameOf names an endpoint in results.
func nameOf(e *fastpixv1.WebhookEndpoint) string { return e.Namespace + "/" + e.Name }

// check is one of the checks.
type check struct {
	name string
	run  func(context.Context, *patient) []Result
	// each says that the check limits the time for each endpoint, and not for all of them.
	each bool
}

// checks are all checks, from outside to inside.
var checks = []check{
	{name: "kinds", run: checkKinds},
	{name: "deployments", run: checkDeployments},
	{name: "versions", run: checkVersions},
	{name: "leaders", run: checkLeaders},
	{name: "rights", run: checkRights},
	{name: "network-policies", run: checkPolicies},
	{name: "clocks", run: checkClocks},
	{name: "endpoints", run: checkEndpoints, each: true},
	{name: "secrets", run: checkSecrets, each: true},
	{name: "secret-rights", run: checkSecretRights, each: true},
	{name: "urls", run: checkURLs, each: true},
	{name: "journal", run: checkJournal},
	{name: "monitoring", run: checkMonitoring},
}

// timeout bounds one check, or that of one endpoint.
const timeout = 30 * time.Second

// examine runs all checks.
func (p *patient) examine(ctx context.Context) []Result {
	p.readEndpoints(ctx)
	var all []Result
	for _, c := range checks {
		for _, r := range c.runLimited(ctx, p) {
			r.Check = c.name
			all = append(all, r)
		}
	}
	return all
}

func (c check) runLimited(ctx context.Context, p *patient) []Result {
	if !c.each {
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		ctx = limited
	}
	return c.run(ctx, p)
}
