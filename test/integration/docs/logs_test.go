package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOperationsPageNamesEveryField protects who searches the log: docs/operations.md names every field of a line that the operator writes.
func TestOperationsPageNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile("test/framework/redaction/testdata/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, logs, _ := strings.Cut(string(page), "\n## Logs\n")
	logs, _, _ = strings.Cut(logs, "\n## ")
	fields := map[string]bool{}
	for line := range strings.Lines(string(calls)) {
		if !strings.Contains(line, ": Info(") && !strings.Contains(line, ": Error(") {
			continue
		}
		for _, field := range regexp.MustCompile(`, "([a-zA-Z]+)", `).FindAllStringSubmatch(line, -1) {
			fields[field[1]] = true
		}
	}
	for _, field := range sorted(fields) {
		if !strings.Contains(logs, "`"+field+"`") {
			t.Errorf("the section Logs does not name the field %s", field)
		}
	}
	if len(fields) < 20 {
		t.Errorf("only the fields %v were found", sorted(fields))
	}
}
