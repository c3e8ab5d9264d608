package security

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// TestEventIsTracedThroughTheLogs protects the correlation of logs at level 2: an operator finds a verified event by its id from its answer to its mirror.
// The id of an event that is not verified is in no log, nor is any id at level 0.
func TestEventIsTracedThroughTheLogs(t *testing.T) {
	e := framework.NewEndpoint(t)
	quiet := framework.StartReceiver(t, "plain")
	asset, verified := framework.NewAsset()
	_, forged := framework.NewAsset()
	_, untraced := framework.NewAsset()
	e.MustDeliver(t, verified)
	if code, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), forged, framework.Sign(verified)); err != nil || code != http.StatusUnauthorized {
		t.Fatalf("a forged event: answer %d, error %v", code, err)
	}
	framework.Eventually(t, "another receiver accepts an event", func(ctx context.Context) error {
		code, err := quiet.Post(ctx, e.Path(), untraced, framework.Sign(untraced))
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("answer %d", code)
		}
		return err
	})
	framework.WaitJournalEmpty(t)

	of := func(body []byte, operators ...*controlplane.Operator) (lines []map[string]any) {
		t.Helper()
		var event struct{ ID string }
		if err := json.Unmarshal(body, &event); err != nil || event.ID == "" {
			t.Fatal(err, event)
		}
		for _, o := range operators {
			log, err := os.ReadFile(o.Log)
			if err != nil {
				t.Fatal(err)
			}
			for text := range strings.Lines(string(log)) {
				if !strings.Contains(text, event.ID) {
					continue
				}
				line := map[string]any{}
				if err := json.Unmarshal([]byte(text), &line); err != nil || line["eventID"] != event.ID || line["WebhookEndpoint"] != strings.TrimPrefix(e.Path(), "/webhooks/") {
					t.Errorf("the line does not name the event and its endpoint (%v): %s", err, text)
				}
				lines = append(lines, line)
			}
		}
		return lines
	}
	var trace []string
	for _, line := range of(verified, framework.Deployed.Receiver, framework.Deployed.Controllers) {
		step := fmt.Sprint(line["msg"])
		if result, ok := line["result"]; ok {
			step += fmt.Sprint(": ", result)
		}
		trace = append(trace, step)
		if object, ok := line["object"]; ok && object != "MediaAsset/"+e.Namespace+"/"+asset {
			t.Errorf("the trace names the object %v", object)
		}
	}
	want := []string{"Answered a verified event: accepted", "Read an event", "Folds an event", "Folded an event: written"}
	if strings.Join(trace, "\n") != strings.Join(want, "\n") {
		t.Errorf("the trace is\n%s\nwant\n%s", strings.Join(trace, "\n"), strings.Join(want, "\n"))
	}
	if lines := of(forged, framework.Deployed.Receiver, framework.Deployed.Controllers); len(lines) != 0 {
		t.Errorf("the log has the id of an event that is not verified: %v", lines)
	}
	if lines := of(untraced, quiet.Operator); len(lines) != 0 {
		t.Errorf("the log of level 0 has the id of an event: %v", lines)
	}
}
