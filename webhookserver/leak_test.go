// These tests protect from leaks at the whole receiver: whatever a delivery holds, and whoever signed it, no secret of it gets into the
// journal, a log line, a metric, a Kubernetes Event or an answer.
package webhookserver

import (
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/tools/events"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/redaction"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
)

// Not parallel: it checks the metrics of the whole process.
func TestSecretsInAnyPositionStayInTheDelivery(t *testing.T) {
	seed := rand.Uint64()
	secrets := redaction.NewSecrets(seed)
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	recorder := events.NewFakeRecorder(1000)
	reconciler := &endpoint.Reconciler{Recorder: recorder, Now: func() func() time.Time {
		clock := time.Now()
		return func() time.Time { clock = clock.Add(time.Hour); return clock } // so that every malformed delivery is reported
	}()}
	r.handler.reportMalformed = reconciler.ReportMalformed
	r.handler.log = funcr.New(func(prefix, args string) { _, _ = io.WriteString(r.log, prefix+args+"\n") }, funcr.Options{Verbosity: trace.Level})
	r.handler.trace = trace.Logger(r.handler.log)

	var answers strings.Builder
	post := func(body []byte, signatures ...string) {
		resp, err := r.server.Client().Do(r.request(http.MethodPost, receivertest.Path, string(body), signatures...))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(&answers, resp.Body)
		_ = resp.Body.Close()
	}
	n := 0
	for _, name := range fixtures.Payloads() {
		redaction.Plant(fixtures.Payload(name), secrets.Next, func(_ string, body []byte) bool {
			post(body, fixtures.Sign(key, body))
			if n++; n%50 == 0 { // not JSON, not signed, and signed with a secret instead of a signature
				broken := append([]byte("["), body...)
				post(broken, fixtures.Sign(key, broken))
				post(body)
				post(body, secrets.Shapeless(), secrets.Shapeless())
			}
			return true
		})
		fields := redaction.PlantFields(fixtures.Payload(name), secrets.Shapeless)
		post(fields, fixtures.Sign(key, fields))
	}
	r.handler.refusals.flush()
	close(recorder.Events)
	var eventNotes strings.Builder
	for note := range recorder.Events {
		eventNotes.WriteString(note + "\n")
	}
	for output, text := range map[string]string{
		"the journal": strings.Join(r.journaled(), "\n"), "the log": r.log.String(), "the metrics": metricsText(t), "Kubernetes Events": eventNotes.String(), "the answers": answers.String(),
	} {
		if text == "" {
			t.Errorf("%s is empty: nothing was checked", output)
		}
		for _, secret := range []string{secrets.Marker, key} {
			if at := strings.Index(strings.ToLower(text), strings.ToLower(secret)); at >= 0 {
				t.Errorf("seed %d: %q is in %s: ...%s", seed, secret, output, text[max(0, at-300):min(len(text), at+100)])
			}
		}
	}
	if n < 1500 {
		t.Errorf("only %d secrets were planted", n)
	}
}

// Redaction by construction: the types that the receiver fills and that end in an object, a log line or a metric have no field for a
// secret, and no field for arbitrary content.
func TestOutputTypesHoldNoSecrets(t *testing.T) {
	harmless := []string{
		"WebhookEndpointSpec.SigningSecrets", "WebhookEndpointStatus.SigningSecrets", "SigningSecretStatus.Key", "SyncSpec.CredentialsSecret", // names of Secrets and of their keys
		"WebhookEndpointStatus.URL", // set by the operator's administrator
	}
	fields, walked := redaction.Places(harmless, reflect.TypeFor[record.Record](), reflect.TypeFor[refusal](), reflect.TypeFor[outcome](),
		reflect.TypeFor[fastpixv1.EventBatch](), reflect.TypeFor[fastpixv1.WebhookEndpoint](), reflect.TypeFor[fastpixv1.SigningSecretStatus]())
	for _, field := range fields {
		t.Error(field)
	}
	if walked < 40 {
		t.Errorf("only %d types were walked", walked)
	}
}
