package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

// checkKinds compares the kinds that the API server serves with those of this program.
func checkKinds(_ context.Context, p *patient) []Result {
	kinds, err := install.Kinds(p.Flags)
	if errors.Is(err, install.ErrNoKinds) {
		return []Result{fail("", "kubectl apply -k config/default, or install the Helm chart.", "the kinds of the operator are not installed")}
	} else if err != nil {
		return []Result{unread("", err)}
	}
	var results []Result
	for _, k := range kinds {
		switch {
		case !k.Served || len(k.Lacks) > 0:
			results = append(results, fail(k.Kind, "Apply the CRDs of your version of the operator: kubectl apply -k config/crd. Helm does not upgrade CRDs by itself.", "%s", k))
		case len(k.Adds) > 0:
			results = append(results, warn(k.Kind, "Use the version of this program that belongs to the operator.", "%s", k))
		}
	}
	if results == nil {
		results = append(results, pass("", "all %d kinds are installed and fit", len(kinds)))
	}
	return results
}

// checkDeployments checks that each part of the operator is installed and has its pods.
func checkDeployments(ctx context.Context, p *patient) []Result {
	parts, err := install.Parts(ctx, p.client, p.OperatorNamespace)
	if err != nil {
		return []Result{unread("", err)}
	}
	var results []Result
	for _, component := range install.Components {
		i := slices.IndexFunc(parts, func(part install.Part) bool { return part.Component == component })
		if i < 0 {
			results = append(results, p.absent(component))
			continue
		}
		part := parts[i]
		mend := fmt.Sprintf("kubectl -n %s describe deployment %s, then look at its pods and their log.", p.OperatorNamespace, part.Deployment)
		switch {
		case part.Wanted == 0:
			results = append(results, fail(component, fmt.Sprintf("kubectl -n %s scale deployment %s --replicas=2", p.OperatorNamespace, part.Deployment), "its Deployment has no replicas"))
		case part.Ready == 0:
			results = append(results, fail(component, mend, "none of %d pods is ready", part.Wanted))
		case part.Ready < part.Wanted:
			results = append(results, warn(component, mend, "%d of %d pods are ready", part.Ready, part.Wanted))
		default:
			results = append(results, pass(component, "%d of %d pods are ready", part.Ready, part.Wanted))
		}
	}
	return results
}

// absent is the result of a part without a Deployment.
func (p *patient) absent(component string) Result {
	if component == "syncer" && !p.syncs() {
		return skipped(component, "it is not installed in namespace %s, and no endpoint needs it", p.OperatorNamespace)
	}
	return fail(component, "Install it, or name the namespace of the operator by --operator-namespace.", "it is not installed in namespace %s", p.OperatorNamespace)
}

// syncs reports whether an endpoint is compared with FastPix's management API.
func (p *patient) syncs() bool {
	for i := range p.endpoints {
		if p.endpoints[i].Spec.Sync != nil {
			return true
		}
	}
	return false
}

// checkVersions checks that all parts have the same version.
func checkVersions(ctx context.Context, p *patient) []Result {
	parts, err := install.Parts(ctx, p.client, p.OperatorNamespace)
	if err != nil {
		return []Result{unread("", err)}
	}
	var versions, each []string
	for _, part := range parts {
		versions = append(versions, part.Version())
		each = append(each, part.Component+" "+part.Version())
	}
	slices.Sort(versions)
	switch versions = slices.Compact(versions); len(versions) {
	case 0:
		return []Result{skipped("", "no part is installed in namespace %s", p.OperatorNamespace)}
	case 1:
		return []Result{pass("", "all parts have the version %s", versions[0])}
	}
	return []Result{warn("", "Finish the upgrade: all parts need the same image.", "the parts have different versions: %s", strings.Join(each, ", "))}
}

// checkLeaders checks that a process leads each part that elects a leader.
func checkLeaders(ctx context.Context, p *patient) []Result {
	leaders, err := install.Leaders(ctx, p.client, p.OperatorNamespace, p.Now())
	if err != nil {
		return []Result{unread("", err)}
	}
	var results []Result
	for _, l := range leaders {
		mend := fmt.Sprintf("kubectl -n %s get pods,leases, then look at the log of the %s. If its Deployment was changed, it needs --leader-elect.", p.OperatorNamespace, l.Component)
		switch {
		case l.Leads():
			results = append(results, pass(l.Component, "%s leads", l.Holder))
		case l.Component == "syncer" && !p.syncs():
			results = append(results, skipped(l.Component, "no process leads, and no endpoint needs one"))
		case l.Holder == "":
			results = append(results, fail(l.Component, mend, "no process leads: nobody holds the lease %s", l.Lease))
		default:
			results = append(results, fail(l.Component, mend, "no process leads: %s has not renewed the lease %s since %s", l.Holder, l.Lease, l.Renewed.UTC().Format(time.RFC3339)))
		}
	}
	return results
}
