// These tests check that the end-to-end test runs the commands of the documentation, and that every event it sends has an ID of its own.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestCommandsMatchTheDocumentation(t *testing.T) {
	t.Parallel()
	for file, lines := range map[string][]string{
		"README.md":    {readmeApply, readmeSamples, readmeCreateSecret, readmeWaitEndpoint, readmeQuota, readmeMediaAsset, readmeWaitAsset},
		"docs/helm.md": {helmInstall, helmLabel, helmTest, helmUninstall, helmCRDs, helmNamespace},
	} {
		content, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		// A command may continue on the next line.
		text := strings.Join(strings.Fields(strings.ReplaceAll(string(content), "\\\n", " ")), " ")
		for _, line := range lines {
			if !strings.Contains(text, line) {
				t.Errorf("%s does not contain %q", file, line)
			}
		}
	}
}

func TestEveryEventHasItsOwnID(t *testing.T) {
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
