package redaction

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/diff"
)

var update = flag.Bool("update", false, "write what is told into testdata/told.txt")

// told are the calls that make a log line, a Kubernetes Event or a label of a metric.
var told = []string{"Info", "Error", "Eventf", "WithLabelValues"}

// TestEverythingThatIsToldIsKnown protects logs, Events and metrics from what nobody thought of: testdata/told.txt lists every
// expression that gets into one. Whoever adds a line says with it that the expression holds nothing a sender wrote, or only what was redacted.
func TestEverythingThatIsToldIsKnown(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, root := range []string{"../../../main.go", "../../../webhookserver", "../../../controllers", "../../../api", "../../../internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			found, err := tellings(path)
			lines = append(lines, found...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/told.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("what is told is not what %s lists: look at every new expression, then -update\n%s", golden, diff.Diff(strings.Split(string(want), "\n"), lines))
	}
}

// tellings returns the calls of a file that tell something, with their arguments.
func tellings(path string) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var lines []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		callee, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(told, callee.Sel.Name) || len(call.Args) == 0 {
			return true
		}
		var args []string
		for _, arg := range call.Args {
			var b strings.Builder
			if err := printer.Fprint(&b, set, arg); err != nil {
				b.WriteString(err.Error())
			}
			args = append(args, strings.Join(strings.Fields(b.String()), " "))
		}
		lines = append(lines, fmt.Sprintf("%s: %s(%s)", strings.TrimPrefix(path, "../../../"), callee.Sel.Name, strings.Join(args, ", ")))
		return true
	})
	return lines, nil
}
