// These tests protect the traces of events: what is verified can be followed by its id, and nothing else is in the log.
package webhookserver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

func TestOnlyVerifiedEventsAreTraced(t *testing.T) {
	t.Parallel()
	const body = `{"type":"%s","object":{"type":"media","id":"d003b383-bac0-42e9-a039-9bd4360f98a3"},"id":"%s","workspace":{"id":"%s"},` +
		`"data":{"id":"d003b383-bac0-42e9-a039-9bd4360f98a3"},"createdAt":"2026-11-23T12:00:00Z"}`
	const own, other = "ecdd5a55-ba47-4141-a3dc-0f6a7ebc3fd0", "00000000-ba47-4141-a3dc-0f6a7ebc3fd0"
	of := func(typ, id, workspace string) string { return fmt.Sprintf(body, typ, id, workspace) }
	for _, level := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("level %d", level), func(t *testing.T) {
			t.Parallel()
			e := receivertest.Endpoint()
			e.Spec.WorkspaceID = own
			r := newTunedTestEnv(t, func(r *testEnv) {
				r.handler.trace = trace.Logger(funcr.New(func(prefix, args string) { fmt.Fprintln(r.log, prefix, args) }, funcr.Options{Verbosity: level}))
			}, e, receivertest.Secret("signing", key))

			r.post(of("video.media.ready", "id-verified", own), key)
			r.post(of("video.media.ready", "id-verified", own), key)
			r.post(of("video.media.ready", "id-foreign", other), key)
			r.post(of("video.media.invented", "id-unknown", own), key)
			r.post(of("video.media.ready", "id-unsigned", own))
			r.post(of("video.media.ready", "id-forged", own), receivertest.OtherSecret)
			r.do(r.request(http.MethodPost, "/webhooks/video/nobody", of("video.media.ready", "id-lost", own)))
			r.mu.Lock()
			r.fail = errors.New("the journal is away")
			r.mu.Unlock()
			r.post(of("video.media.ready", "id-delayed", own), key)
			r.handler.refusals.flush()

			log := r.log.String()
			for id, results := range map[string][]string{
				"id-verified": {"accepted", "duplicate"}, "id-foreign": {"foreign_workspace"}, "id-unknown": {"unknown_type"}, "id-delayed": {"unavailable"},
				"id-unsigned": nil, "id-forged": nil, "id-lost": nil,
			} {
				if level < 2 {
					results = nil
				}
				var got []string
				for line := range strings.Lines(log) {
					if strings.Contains(line, id) {
						_, result, _ := strings.Cut(line, `"result"="`)
						result, _, _ = strings.Cut(result, `"`)
						got = append(got, result)
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(results) {
					t.Errorf("the log has the results %v of the event %q, want %v:\n%s", got, id, results, log)
				}
			}
		})
	}
}
