// These tests protect that the end-to-end test does what the README says, and that every event it sends is another one.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/hack/fixtures"
)

func TestCommandsAreTheReadmes(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	// A command that goes on in another line is one.
	readme := strings.Join(strings.Fields(strings.ReplaceAll(string(content), "\\\n", " ")), " ")
	for _, line := range []string{
		readmeApply, readmeSamples, readmeCreateSecret, readmeWaitEndpoint, readmeQuota, readmeMediaAsset, readmeWaitAsset,
	} {
		if !strings.Contains(readme, line) {
			t.Errorf("the README does not say %q", line)
		}
	}
}

func TestEveryEventIsAnother(t *testing.T) {
	t.Parallel()
	const media = "11111111-2222-4333-8444-555555555555"
	seen := map[string]bool{}
	for _, file := range []string{"video.media.created.json", "video.media.ready.json", "video.media.updated.json"} {
		for range 2 {
			body := eventAbout(media, file)
			var event struct {
				ID     string
				Object struct{ ID string }
				Data   struct{ ID string }
			}
			if err := json.Unmarshal(body, &event); err != nil {
				t.Fatal(err)
			}
			if event.ID == "" || seen[event.ID] || event.Object.ID != media || event.Data.ID != media || bytes.Contains(body, []byte(fixtures.MediaA)) {
				t.Errorf("%s becomes %+v", file, event)
			}
			seen[event.ID] = true
		}
	}
}
