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

var update = flag.Bool("update", false, "write the expressions to testdata/output.txt")

// outputs are the calls that write a log line, a Kubernetes Event or a label of a metric.
var outputs = []string{"Info", "Error", "Eventf", "WithLabelValues"}

// TestEveryOutputExpressionIsReviewed protects logs, Events and metrics from texts of senders: testdata/output.txt lists every expression that is
// written to one. Add a line only if the expression holds nothing that a sender wrote, or only redacted text.
func TestEveryOutputExpressionIsReviewed(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, root := range []string{"../../../main.go", "../../../webhookserver", "../../../controllers", "../../../api", "../../../internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			found, err := outputCalls(path)
			lines = append(lines, found...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/output.txt"
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
		t.Errorf("the expressions differ from %s: review every new one, then run the test with -update\n%s", golden, diff.Diff(strings.Split(string(want), "\n"), lines))
	}
}

// outputCalls returns the calls of outputs in a file, with their arguments.
func outputCalls(path string) ([]string, error) {
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
		if !ok || !slices.Contains(outputs, callee.Sel.Name) || len(call.Args) == 0 {
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
