package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	_ "github.com/fastpix-operator/fastpix-operator/internal/operator" // registers the metrics of all parts
)

// TestOperationsPageNamesEveryMetric protects docs/operations.md from telling of what is not there: every metric that exists is in it, and
// no other.
func TestOperationsPageNamesEveryMetric(t *testing.T) {
	text, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatal("the registry of metrics cannot be asked what is in it")
	}
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		registry.Describe(described)
	}()
	exist := map[string]bool{}
	for d := range described {
		if name := regexp.MustCompile(`fqName: "(fastpix_\w+)"`).FindStringSubmatch(d.String()); name != nil {
			exist[name[1]] = true
		}
	}
	told := map[string]bool{}
	for _, name := range regexp.MustCompile(`fastpix_\w+`).FindAllString(string(text), -1) {
		told[strings.TrimSuffix(name, "_bucket")] = true
	}
	if want, got := sorted(exist), sorted(told); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("the text tells of the metrics\n%v\nthere are\n%v", got, want)
	}
}

// TestPagesNameTestsThatExist protects what README.md, SECURITY.md and the pages of docs say from being held by no test: every test that
// is named there exists, and every -run of a command selects one.
func TestPagesNameTestsThatExist(t *testing.T) {
	tests := namesOfTests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
	selected := regexp.MustCompile(`-run (\w+)`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			if !tests[name[1]] {
				t.Errorf("%s names %s, which does not exist", page, name[1])
			}
		}
		for _, prefix := range selected.FindAllStringSubmatch(string(text), -1) {
			if !slices.ContainsFunc(sorted(tests), func(name string) bool { return strings.HasPrefix(name, prefix[1]) }) {
				t.Errorf("%s runs %s, which selects no test", page, prefix[1])
			}
		}
	}
}

// pages returns what is written for people.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md", "SECURITY.md"}
	err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// namesOfTests returns the tests and fuzz targets of every package.
func namesOfTests(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	tests := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, name := range function.FindAllStringSubmatch(string(code), -1) {
			tests[name[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
