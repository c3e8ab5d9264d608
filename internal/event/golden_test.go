// These tests protect the reading of FastPix's dialects: every sample gives exactly the content of its golden file.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shown is the content of a golden file.
type shown struct {
	Error       string            `json:"error,omitempty"`
	ID          string            `json:"id,omitempty"`
	Type        string            `json:"type,omitempty"`
	Family      record.Family     `json:"family,omitempty"`
	WorkspaceID string            `json:"workspaceID,omitempty"`
	Time        *metav1.MicroTime `json:"time,omitempty"`
	Changes     []record.Change   `json:"changes,omitempty"`
	Skipped     []string          `json:"skipped,omitempty"`
}

func show(t *testing.T, body []byte) string {
	t.Helper()
	var s shown
	if e, err := Decode(body); err != nil {
		s.Error = err.Error()
	} else {
		s = shown{ID: e.ID, Type: e.Type.Name, Family: e.Family, WorkspaceID: e.WorkspaceID, Time: e.Time, Changes: e.Changes, Skipped: e.Skipped}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestSamplesGiveTheirGoldenEvents(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Payloads() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := show(t, fixtures.Payload(name))
			file := filepath.Join("testdata", "golden", name)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Error(diff.Diff(string(want), got))
			}
		})
	}
}

// White space and a byte order mark do not change what a body means.
func TestFormattingDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Payloads() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := fixtures.Payload(name)
			var indented, compact bytes.Buffer
			if err := errors.Join(json.Indent(&indented, body, "\t", " \r\n "), json.Compact(&compact, body)); err != nil {
				t.Fatal(err)
			}
			want := show(t, body)
			for how, other := range map[string][]byte{
				"indented": indented.Bytes(), "compact": compact.Bytes(), "with a byte order mark": append([]byte("\uFEFF"), body...),
				"in white space": append(append([]byte(" \r\n\t"), body...), ' ', '\n'),
			} {
				if got := show(t, other); got != want {
					t.Errorf("%s: %s", how, diff.Diff(want, got))
				}
			}
		})
	}
}
