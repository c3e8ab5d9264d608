// These tests protect the reader of envelopes from whatever a server sends.
package envelope

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a server answers, reading it does not panic, and rows are JSON objects.
func FuzzEnvelope(f *testing.F) {
	files, err := filepath.Glob("../../../test/framework/fastpixfake/testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := Read(body)
		if err != nil {
			_ = IsError(body)
			return
		}
		if IsError(body) {
			t.Error("an answer is a success and an error")
		}
		if row, err := e.Object(); err == nil && !json.Valid(row) {
			t.Error("an object is no JSON")
		}
		rows, unreadable, err := e.Rows(1)
		if err != nil {
			return
		}
		if unreadable < 0 || e.Pagination.TotalRecords < 0 || e.Pagination.OffsetCount < 0 {
			t.Errorf("counts are negative: %d, %+v", unreadable, e.Pagination)
		}
		for _, row := range rows {
			var object map[string]json.RawMessage
			if json.Unmarshal(row, &object) != nil || object == nil {
				t.Errorf("a row is no object: %s", row)
			}
		}
	})
}
