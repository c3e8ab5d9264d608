package main

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
)

// This test protects docs/operations.md from telling of what is not there: every metric that exists is in it and no other, and every
// test that it names as holding a claim exists.

func TestOperationsTellOfWhatExists(t *testing.T) {
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

	tests := namesOfTests(t)
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !tests[name[1]] {
			t.Errorf("the text names %s, which does not exist", name[1])
		}
	}
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// namesOfTests returns the tests of every package.
func namesOfTests(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
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
