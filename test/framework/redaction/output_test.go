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
	"regexp"
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

// next are the ends of messages that say what happens after an error.
var next = regexp.MustCompile(`(, will retry|, FastPix is asked to send it again|, the next (run|update) tries again|, the object is left out until the next run| and will start again| and exits)$`)

// wholeParts are the files whose errors concern no single object, or whose logger names the endpoint.
var wholeParts = []string{
	"main.go", "controllers/endpoint/publisher.go", "controllers/lifecycle/sweeper.go", "controllers/sync/questions.go", "controllers/sync/runner.go",
	"controllers/sync/walk.go",
}

// TestErrorLinesSayObjectAndWhatHappensNext protects who reads the log: an error line says whether the reader has to do something, and about what.
func TestErrorLinesSayObjectAndWhatHappensNext(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	call, lines := regexp.MustCompile(`^(\S+): Error\(.+?, "(\w+ [^"]+)"(, .+)?\)$`), 0
	for line := range strings.Lines(string(text)) {
		m := call.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		lines++
		if !next.MatchString(m[2]) {
			t.Errorf("%s: the error does not say what happens next: %s", m[1], m[2])
		}
		if m[3] == "" && !slices.Contains(wholeParts, m[1]) {
			t.Errorf("%s: the error names no object: %s", m[1], m[2])
		}
	}
	if lines < 15 {
		t.Errorf("only %d errors were found", lines)
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
