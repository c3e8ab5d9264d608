package create

import (
	"context"
	"errors"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// pollInterval is how often the endpoint is read.
const pollInterval = 250 * time.Millisecond

// showNextStep waits until the operator has looked at the endpoint, and says what to do next.
func (o *options) showNextStep(ctx context.Context, c client.Client, s *setUp, e *fastpixv1.WebhookEndpoint) error {
	if err := o.waitSeen(ctx, c, s, e); err != nil {
		return err
	}
	colour, command := o.Colour(), fmt.Sprintf("kubectl fastpix create endpoint %s --namespace %s", s.name, s.namespace)
	ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
	isReady := apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady)
	fmt.Fprintln(o.Out)
	switch {
	case e.Spec.PollsOnly() && (isReady || s.apiToken == nil):
		fmt.Fprintln(o.Out, "The endpoint takes no webhooks. Its mirrors come from comparisons with FastPix alone.")
	case isReady:
		fmt.Fprintf(o.Out, "%s Paste this URL into the FastPix dashboard, if you have not done so:\n\n    %s\n", colour.Good("The endpoint accepts events."), address(e))
	case s.signingSecret == nil && !e.Spec.PollsOnly(): // FastPix shows the secret after the URL is registered
		fmt.Fprintf(o.Out, "Paste this URL into the FastPix dashboard, under Webhooks:\n\n    %s\n\nThen store the signing secret that the dashboard shows:\n\n    %s --signing-secret-file -\n", address(e), command)
	case ready == nil:
		fmt.Fprintf(o.Out, "The operator has not looked at the endpoint yet. To see it later, run kubectl fastpix status %s --namespace %s\n", s.name, s.namespace)
	default:
		fmt.Fprintf(o.Out, "%s %s\n", colour.Warn("The endpoint is not Ready:"), cli.Escape(ready.Message))
	}
	if e.Spec.Sync != nil && s.apiToken == nil {
		fmt.Fprintf(o.Out, "\nTo store the access token of spec.sync, run\n\n    %s --api-credentials-file -\n", command)
	}
	return nil
}

// waitSeen waits until the conditions are about the endpoint as it is now, and until it is Ready if its signing secret was stored just now.
func (o *options) waitSeen(ctx context.Context, c client.Client, s *setUp, e *fastpixv1.WebhookEndpoint) error {
	if o.timeout == 0 {
		return nil
	}
	generation := e.Generation
	err := wait.PollUntilContextTimeout(ctx, pollInterval, o.timeout, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(e), e); err != nil {
			return false, err
		}
		ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
		seen := ready != nil && e.Status.ObservedGeneration >= generation
		return seen && (s.signingSecret == nil || apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady)), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // what the user sees says it
	}
	return err
}

// address returns what to paste into the dashboard.
func address(e *fastpixv1.WebhookEndpoint) string {
	if e.Status.URL != "" {
		return e.Status.URL
	}
	return fmt.Sprintf("https://YOUR-HOST/webhooks/%s/%s  (YOUR-HOST is the public name of the receiver; with --external-url the operator knows it)", e.Namespace, e.Name)
}
