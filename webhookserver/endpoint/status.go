package endpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
)

const (
	// serviceAccount is the receiver's identity, as config/rbac/receiver names it.
	serviceAccount = "fastpix-receiver"
	// maxMessageBytes bounds a condition's message well below the schema's limit.
	maxMessageBytes = 4 << 10
)

// Options are what the status of an endpoint says of the receiver's configuration.
type Options struct {
	// ExternalURL is the URL under which FastPix reaches the receiver, if it is known.
	ExternalURL string
	// OperatorNamespace is where the receiver's service account is.
	OperatorNamespace string
}

// urlOf is the URL to register with FastPix for a path, or empty.
func (o Options) urlOf(path string) string {
	if o.ExternalURL == "" {
		return ""
	}
	return strings.TrimRight(o.ExternalURL, "/") + path
}

// describe writes into an endpoint's status what the receiver knows of it, and nothing else: counts and times of events are the
// controllers'. It is a function of its arguments, so that every replica writes the same.
func describe(e *fastpixv1.WebhookEndpoint, states []keys.State, shared *metav1.Condition, o Options, now time.Time) {
	e.Status.ObservedGeneration = e.Generation
	e.Status.Path = pathOf(client.ObjectKeyFromObject(e))
	e.Status.URL = o.urlOf(e.Status.Path)
	e.Status.SigningSecrets = secretStatuses(e, states, now)
	setConditions(e, readiness(e, states, o.OperatorNamespace, now))
	setWhileTrue(e, fastpixv1.ConditionWeakKey, weakness(e, states, now))
	setWhileTrue(e, fastpixv1.ConditionKeyEncodedTwice, encodedTwice(e, states, now))
	setWhileTrue(e, fastpixv1.ConditionSharedKey, shared)
}

// secretStatuses says which keys are in use. What the controllers noted about a key stays with its fingerprint.
func secretStatuses(e *fastpixv1.WebhookEndpoint, states []keys.State, now time.Time) []fastpixv1.SigningSecretStatus {
	verified := map[string]*metav1.MicroTime{}
	for _, s := range e.Status.SigningSecrets {
		if s.LastVerifiedTime != nil {
			verified[s.Fingerprint] = s.LastVerifiedTime
		}
	}
	statuses := make([]fastpixv1.SigningSecretStatus, 0, len(states))
	for i, ref := range e.Spec.SigningSecrets {
		status := fastpixv1.SigningSecretStatus{Name: ref.Name, Key: keys.WithDefaultKey(ref).Key}
		if key, ok := states[i].Fresh(now); ok {
			status.Fingerprint = key.Fingerprint()
			status.LastVerifiedTime = verified[status.Fingerprint]
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// readiness is the Ready condition. Its message holds one sentence or one command a line, so that a command can be copied whole.
func readiness(e *fastpixv1.WebhookEndpoint, states []keys.State, operatorNamespace string, now time.Time) metav1.Condition {
	reason, problems, usable := "", []string(nil), 0
	for i, ref := range e.Spec.SigningSecrets {
		if _, ok := states[i].Fresh(now); ok {
			usable++
			continue
		}
		why, lines := problemOf(e, keys.WithDefaultKey(ref), states[i], operatorNamespace)
		if text := strings.Join(lines, "\n"); !slices.Contains(problems, text) { // two keys of one Secret may need the same
			problems = append(problems, text)
		}
		if reason == "" {
			reason = why
		}
	}
	ready := metav1.Condition{Type: fastpixv1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason}
	switch {
	case e.Spec.Suspend:
		ready.Reason = fastpixv1.ReasonSuspended
		ready.Message = "Deliveries are answered 503, so that FastPix sends them again later, until spec.suspend is unset."
	case usable > 0:
		ready.Status, ready.Reason = metav1.ConditionTrue, fastpixv1.ReasonAccepting
		accepted := fmt.Sprintf("Events are accepted that %d of %d signing secrets signed.", usable, len(states))
		ready.Message = strings.Join(append([]string{accepted}, problems...), "\n")
	default:
		ready.Message = strings.Join(problems, "\n") +
			"\nUntil then FastPix's probes are answered 200 and its events 503, so that it sends them again."
	}
	return ready
}

// placeholder stands for the signing secret in commands.
const placeholder = "the signing secret that FastPix shows"

// problemOf says why a signing secret is not usable and, by commands, what to do about it. None of them takes away what works: a
// Secret may hold other keys, and one that was named by mistake may be somebody else's.
func problemOf(
	e *fastpixv1.WebhookEndpoint, ref fastpixv1.SigningSecretReference, state keys.State, operatorNamespace string,
) (reason string, lines []string) {
	secret, kubectl := e.Namespace+"/"+ref.Name, "kubectl -n "+e.Namespace+" "
	create := fmt.Sprintf("%screate secret generic %s --type=%s --from-literal=%s='%s'",
		kubectl, ref.Name, fastpixv1.SigningSecretType, ref.Key, placeholder)
	switch state.Problem {
	case fastpixv1.ReasonSecretNotFound:
		return state.Problem, []string{"Secret " + secret + " does not exist. Create it:", create}
	case fastpixv1.ReasonSecretForbidden:
		name := "fastpix-read-" + ref.Name
		return state.Problem, []string{
			"Secret " + secret + " may not be read by the receiver, whether or not it exists. Allow it:",
			fmt.Sprintf("%screate role %s --verb=get --resource=secrets --resource-name=%s", kubectl, name, ref.Name),
			fmt.Sprintf("%[1]screate rolebinding %[2]s --role=%[2]s --serviceaccount=%[3]s:%[4]s", kubectl, name, operatorNamespace, serviceAccount),
		}
	case fastpixv1.ReasonSecretInvalid:
		problem := fmt.Sprintf("Secret %s is not usable: %s.", secret, state.Detail)
		if state.Immutable {
			return state.Problem, []string{
				problem + " It cannot be changed. If nothing else uses it, replace it; else name another one in spec.signingSecrets:",
				kubectl + "delete secret " + ref.Name,
				create,
			}
		}
		return state.Problem, []string{
			problem + " Store it:",
			fmt.Sprintf(`%spatch secret %s --type=merge -p '{"stringData":{%q:%q}}'`, kubectl, ref.Name, ref.Key, placeholder),
		}
	}
	return fastpixv1.ReasonSecretUnreadable,
		[]string{"Secret " + secret + " could not be read within the last minute; the receiver keeps trying."}
}

// weakness names the secrets that are too short; nil if none is.
func weakness(e *fastpixv1.WebhookEndpoint, states []keys.State, now time.Time) *metav1.Condition {
	var weak []string
	for i, ref := range e.Spec.SigningSecrets {
		if key, ok := states[i].Fresh(now); ok && key.Weak() {
			weak = append(weak, e.Namespace+"/"+ref.Name)
		}
	}
	if weak == nil {
		return nil
	}
	return &metav1.Condition{Reason: "ShortKey", Message: "Fewer than 16 bytes of key are in Secret " + strings.Join(weak, ", ") +
		". Such a key works and may be guessed: check that it was copied whole."}
}

// encodedTwice warns of keys that look as if they were encoded once more than FastPix shows them; nil if none does.
func encodedTwice(e *fastpixv1.WebhookEndpoint, states []keys.State, now time.Time) *metav1.Condition {
	var lines []string
	for i, ref := range e.Spec.SigningSecrets {
		if key, ok := states[i].Fresh(now); ok && key.Encoded() {
			ref = keys.WithDefaultKey(ref)
			lines = append(lines,
				fmt.Sprintf("The key %q of Secret %s/%s looks as if it was encoded to base64 once more than FastPix shows it. Every delivery is then answered 401.",
					ref.Key, e.Namespace, ref.Name),
				"Text in data: is encoded once by whoever writes the Secret, text in stringData: not at all. Store the signing secret as FastPix shows it:",
				fmt.Sprintf(`kubectl -n %s patch secret %s --type=merge -p '{"stringData":{%q:%q}}'`, e.Namespace, ref.Name, ref.Key, placeholder))
		}
	}
	if lines == nil {
		return nil
	}
	return &metav1.Condition{Reason: "EncodedTwice", Message: strings.Join(lines, "\n")}
}

// setConditions sets Ready and what follows from it: kstatus says that something is still to come (Reconciling), or that waiting is
// useless (Stalled).
func setConditions(e *fastpixv1.WebhookEndpoint, ready metav1.Condition) {
	var reconciling, stalled *metav1.Condition
	switch {
	case ready.Reason == fastpixv1.ReasonSuspended:
		stalled = &metav1.Condition{Reason: ready.Reason, Message: "Suspended until spec.suspend is unset."}
	case ready.Status != metav1.ConditionTrue:
		reconciling = &metav1.Condition{Reason: ready.Reason, Message: "Waiting for a signing secret, see the condition Ready."}
	}
	set(e, ready)
	setWhileTrue(e, fastpixv1.ConditionReconciling, reconciling)
	setWhileTrue(e, fastpixv1.ConditionStalled, stalled)
}

// setWhileTrue sets a condition that is present only while it is true; nil removes it.
func setWhileTrue(e *fastpixv1.WebhookEndpoint, kind string, c *metav1.Condition) {
	if c == nil {
		apimeta.RemoveStatusCondition(&e.Status.Conditions, kind)
		return
	}
	c.Type, c.Status = kind, metav1.ConditionTrue
	set(e, *c)
}

func set(e *fastpixv1.WebhookEndpoint, c metav1.Condition) {
	c.ObservedGeneration = e.Generation
	if len(c.Message) > maxMessageBytes {
		c.Message = c.Message[:maxMessageBytes-3] + "..."
	}
	apimeta.SetStatusCondition(&e.Status.Conditions, c)
}
