package doctor

import (
	"context"
	"fmt"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// checkEndpoints checks the conditions of endpoints. Their messages say what to do.
func checkEndpoints(ctx context.Context, p *patient) []Result {
	return p.eachEndpoint(ctx, func(_ context.Context, e *fastpixv1.WebhookEndpoint) []Result {
		results := []Result{readyResult(e)}
		if e.Spec.Sync != nil {
			results = append(results, syncedResult(e))
		}
		for _, c := range e.Status.Conditions {
			switch c.Type {
			case fastpixv1.ConditionKeyEncodedTwice:
				results = append(results, failedCondition(e, c))
			case fastpixv1.ConditionWeakKey, fastpixv1.ConditionSharedKey, fastpixv1.ConditionTooManyAssets:
				results = append(results, warn(nameOf(e), "See docs/webhookendpoint.md#conditions.", "%s: %s", c.Type, oneLine(c.Message)))
			}
		}
		if n := e.Status.FailedEvents; n > 0 {
			results = append(results, warn(nameOf(e), "kubectl fastpix failed -n "+e.Namespace, "%d events could not be mirrored", n))
		}
		return results
	})
}

func readyResult(e *fastpixv1.WebhookEndpoint) Result {
	c := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
	switch {
	case c == nil:
		return fail(nameOf(e), "Look at the pods and the log of the receiver; those of the syncer, if the endpoint has no signing secret.", "nothing has written its status yet")
	case e.Status.ObservedGeneration != e.Generation && !e.Spec.PollsOnly():
		return fail(nameOf(e), "Look at the pods and the log of the receiver.", "the receiver has not seen the newest spec")
	case c.Status == metav1.ConditionTrue:
		return pass(nameOf(e), "it is Ready (%s)", c.Reason)
	case c.Reason == fastpixv1.ReasonSuspended:
		return warn(nameOf(e), "Remove spec.suspend.", "it is suspended")
	}
	return failedCondition(e, *c)
}

func syncedResult(e *fastpixv1.WebhookEndpoint) Result {
	c := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	switch {
	case c == nil:
		return fail(nameOf(e), "Look at the pods and the log of the syncer.", "no run of sync has started")
	case c.Status == metav1.ConditionTrue:
		return pass(nameOf(e), "it is Synced")
	case c.Status == metav1.ConditionUnknown:
		return warn(nameOf(e), "Wait for the end of the first run: kubectl fastpix sync "+e.Name+" -n "+e.Namespace+" --wait", "%s", oneLine(c.Message))
	}
	return failedCondition(e, *c)
}

// failedCondition is the result of a condition that says that something does not work. The first line of its message is the problem, and the others are
// what to do.
func failedCondition(e *fastpixv1.WebhookEndpoint, c metav1.Condition) Result {
	what, mend, _ := strings.Cut(c.Message, "\n")
	if mend == "" {
		mend = fmt.Sprintf("kubectl -n %s describe webhookendpoint %s", e.Namespace, e.Name)
	}
	return fail(nameOf(e), mend, "%s is %s (%s): %s", c.Type, c.Status, c.Reason, what)
}

// oneLine returns a message without line breaks.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }
