package cli

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestEscapeLeavesNothingThatATerminalObeys protects terminals from texts of other people: sequences of either kind, and marks that turn the direction of text.
func TestEscapeLeavesNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x1b[31mred":       "^[[31mred",
		"over\rwritten":     `over\rwritten`,
		"one byte \x9b31m":  "one byte \uFFFD31m",
		"C1 \u009b31m":      "C1 \uFFFD31m",
		"bell\a back\b":     "bell\uFFFD back\uFFFD",
		"turned \u202Eover": "turned \uFFFDover",
		"first\n\tsecond":   "first\n\tsecond",
		"Grüße, 世界":         "Grüße, 世界",
	} {
		if got := Escape(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestTablesAreEscaped protects terminals from the cells of tables.
func TestTablesAreEscaped(t *testing.T) {
	t.Parallel()
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{Column("Title"), Column("Count")}, Rows: []metav1.TableRow{Row("\x1b[2J\u009b2J", int64(3))}}
	var out bytes.Buffer
	if err := NewPrinter().Print(&out, table, nil); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b") || !strings.Contains(out.String(), "3") {
		t.Errorf("it prints %q", out.String())
	}
}
