package docs

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"
)

// TestConsumerIsShort protects what docs/consuming.md says of the example's length and of what it needs: the API of this operator, and
// otherwise what every controller needs.
func TestConsumerIsShort(t *testing.T) {
	t.Parallel()
	const file = "docs/examples/consumer/main.go"
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(code, []byte("\n")); n >= 100 {
		t.Errorf("the example has %d lines", n)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, code, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	allowed := regexp.MustCompile(`^"([a-z0-9/]+|(k8s\.io/(api|apimachinery)|sigs\.k8s\.io/controller-runtime)(/.*)?|` +
		`github\.com/fastpix-operator/fastpix-operator/api/v1alpha1)"$`)
	for _, imported := range parsed.Imports {
		if !allowed.MatchString(imported.Path.Value) {
			t.Errorf("the example imports %s", imported.Path.Value)
		}
	}
}
