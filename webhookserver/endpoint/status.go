package endpoint

import (
	"cmp"
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
	// defaultServiceAccount is the receiver's service account, as config/rbac/receiver names it.
	defaultServiceAccount = "fastpix-receiver"
	// maxMessageBytes bounds a condition's message well below the limit of the schema.
	maxMessageBytes = 4 << 10
)

// Options are the parts of the receiver's configuration that the status of an endpoint shows.
type Options struct {
	// ExternalURL is the URL under which FastPix reaches the receiver; empty if it is unknown.
	ExternalURL string
	// OperatorNamespace is the namespace of the receiver's service account.
	OperatorNamespace string
	// ServiceAccount is the receiver's service account; empty if it is the one of config/rbac/receiver.
	ServiceAccount string
}

// serviceAccount returns the receiver's service account as commands of kubectl name it.
func (o Options) serviceAccount() string {
	return o.OperatorNamespace + ":" + cmp.Or(o.ServiceAccount, defaultServiceAccount)
}

// urlOf returns the URL to register with FastPix for a path; empty if ExternalURL is.
func (o Options) urlOf(path string) string {
	if o.ExternalURL == "" {
		return ""
	}
	return strings.TrimRight(o.ExternalURL, "/") + path
}

// setStatus writes what the receiver knows into the status of an endpoint, and nothing else: the controllers write the counts and times of
// events, the syncer writes what it found. It is a function of its arguments, so every replica writes the same.
func setStatus(e *fastpixv1.WebhookEndpoint, states []keys.State, shared *metav1.Condition, o Options, now time.Time) {
	e.Status.ObservedGeneration = e.Generation
	e.Status.Path = pathOf(client.ObjectKeyFromObject(e))
	e.Status.URL = o.urlOf(e.Status.Path)
	e.Status.SigningSecrets = secretStatuses(e, states, now)
	setReadyConditions(e, readyCondition(e, states, o.serviceAccount(), now))
	setOrRemoveCondition(e, fastpixv1.ConditionWeakKey, weakKeyCondition(e, states, now))
	setOrRemoveCondition(e, fastpixv1.ConditionKeyEncodedTwice, encodedTwiceCondition(e, states, now))
	setOrRemoveCondition(e, fastpixv1.ConditionSharedKey, shared)
}

// secretStatuses returns which keys are in use. What the controllers recorded about a key stays with its fingerprint.
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
		if key, ok := states[i].ValidKey(now); ok {
			status.Fingerprint = key.Fingerprint()
			status.LastVerifiedTime = verified[status.Fingerprint]
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// readyCondition returns the condition Ready. Each line of its message holds one sentence or one command, so that a user can copy a whole
// command.
func readyCondition(e *fastpixv1.WebhookEndpoint, states []keys.State, serviceAccount string, now time.Time) metav1.Condition {
	reason, problems, usable := "", []string(nil), 0
	for i, ref := range e.Spec.SigningSecrets {
		if _, ok := states[i].ValidKey(now); ok {
			usable++
			continue
		}
		why, lines := explainProblem(e, keys.WithDefaultKey(ref), states[i], serviceAccount)
		if text := strings.Join(lines, "\n"); !slices.Contains(problems, text) { // two keys of one Secret may need the same command
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
		ready.Message = "The endpoint is suspended: deliveries are answered 503, so that FastPix sends them again later. Unset spec.suspend to accept them."
	case usable > 0:
		ready.Status, ready.Reason = metav1.ConditionTrue, fastpixv1.ReasonAccepting
		accepted := fmt.Sprintf("%d of %d signing secrets are usable; events that they sign are accepted.", usable, len(states))
		ready.Message = strings.Join(append([]string{accepted}, problems...), "\n")
	default:
		ready.Message = strings.Join(problems, "\n") +
			"\nUntil then probes of FastPix are answered 200 and events 503, so that FastPix sends the events again."
	}
	return ready
}

// placeholder stands for the signing secret in commands.
const placeholder = "the signing secret that FastPix shows"

// explainProblem says why a signing secret is not usable, and by which commands a user repairs it. No command destroys what works: a Secret
// may hold other keys, and a Secret that was named by mistake may have another use.
func explainProblem(
	e *fastpixv1.WebhookEndpoint, ref fastpixv1.SigningSecretReference, state keys.State, serviceAccount string,
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
			"Secret " + secret + " cannot be checked: the receiver has no permission to read it. Grant the permission:",
			fmt.Sprintf("%screate role %s --verb=get --resource=secrets --resource-name=%s", kubectl, name, ref.Name),
			fmt.Sprintf("%[1]screate rolebinding %[2]s --role=%[2]s --serviceaccount=%[3]s", kubectl, name, serviceAccount),
		}
	case fastpixv1.ReasonSecretInvalid:
		problem := fmt.Sprintf("Secret %s is not usable: %s.", secret, state.Detail)
		if state.Immutable {
			return state.Problem, []string{
				problem + " It cannot be changed. If nothing else uses it, replace it. Otherwise name another Secret in spec.signingSecrets:",
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
		[]string{"Secret " + secret + " could not be read within the last minute: the API server gave no usable answer. The receiver keeps trying."}
}

// weakKeyCondition names the signing secrets that are too short; nil if none is.
func weakKeyCondition(e *fastpixv1.WebhookEndpoint, states []keys.State, now time.Time) *metav1.Condition {
	var weak []string
	for i, ref := range e.Spec.SigningSecrets {
		if key, ok := states[i].ValidKey(now); ok && key.Weak() {
			weak = append(weak, e.Namespace+"/"+ref.Name)
		}
	}
	if weak == nil {
		return nil
	}
	return &metav1.Condition{Reason: "ShortKey", Message: "The key has fewer than 16 bytes in Secret " + strings.Join(weak, ", ") +
		". Such a key works, but an attacker may guess it. Check that it was copied completely."}
}

// encodedTwiceCondition warns of keys that look as if they were encoded to base64 once more than FastPix shows them; nil if none does.
func encodedTwiceCondition(e *fastpixv1.WebhookEndpoint, states []keys.State, now time.Time) *metav1.Condition {
	var lines []string
	for i, ref := range e.Spec.SigningSecrets {
		if key, ok := states[i].ValidKey(now); ok && key.Encoded() {
			ref = keys.WithDefaultKey(ref)
			lines = append(lines,
				fmt.Sprintf("The key %q of Secret %s/%s looks as if it was encoded to base64 once more than FastPix shows it. Then every delivery is answered 401.",
					ref.Key, e.Namespace, ref.Name),
				"The field data of a Secret needs text that is encoded once more; the field stringData needs the text itself. Store the signing secret as FastPix shows it:",
				fmt.Sprintf(`kubectl -n %s patch secret %s --type=merge -p '{"stringData":{%q:%q}}'`, e.Namespace, ref.Name, ref.Key, placeholder))
		}
	}
	if lines == nil {
		return nil
	}
	return &metav1.Condition{Reason: "EncodedTwice", Message: strings.Join(lines, "\n")}
}

// setReadyConditions sets Ready and the conditions of kstatus that follow from it: Reconciling while a user still has to act, Stalled if
// waiting is useless.
func setReadyConditions(e *fastpixv1.WebhookEndpoint, ready metav1.Condition) {
	var reconciling, stalled *metav1.Condition
	switch {
	case ready.Reason == fastpixv1.ReasonSuspended:
		stalled = &metav1.Condition{Reason: ready.Reason, Message: "The endpoint is suspended. Unset spec.suspend to accept deliveries."}
	case ready.Status != metav1.ConditionTrue:
		reconciling = &metav1.Condition{Reason: ready.Reason, Message: "No signing secret is usable. The message of the condition Ready says what to do."}
	}
	setCondition(e, ready)
	setOrRemoveCondition(e, fastpixv1.ConditionReconciling, reconciling)
	setOrRemoveCondition(e, fastpixv1.ConditionStalled, stalled)
}

// setOrRemoveCondition sets a condition that exists only while it is true; nil removes it.
func setOrRemoveCondition(e *fastpixv1.WebhookEndpoint, kind string, c *metav1.Condition) {
	if c == nil {
		apimeta.RemoveStatusCondition(&e.Status.Conditions, kind)
		return
	}
	c.Type, c.Status = kind, metav1.ConditionTrue
	setCondition(e, *c)
}

func setCondition(e *fastpixv1.WebhookEndpoint, c metav1.Condition) {
	c.ObservedGeneration = e.Generation
	if len(c.Message) > maxMessageBytes {
		c.Message = c.Message[:maxMessageBytes-3] + "..."
	}
	apimeta.SetStatusCondition(&e.Status.Conditions, c)
}
