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

// TestOperationsPageNamesEveryMetric protects docs/operations.md: it names every metric that exists, and no other.
func TestOperationsPageNamesEveryMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := registered(t)
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile(`fastpix_\w+`).FindAllString(string(text), -1) {
		documented[strings.TrimSuffix(name, "_bucket")] = true
	}
	if want, got := sorted(exist), sorted(documented); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("the page names the metrics\n%v\nthese exist:\n%v", got, want)
	}
}

// registered returns the names of the operator's own metrics.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatal("the registry of metrics does not describe its metrics")
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
	return exist
}

// TestPagesNameTestsThatExist protects the claims of README.md, SECURITY.md and the pages of docs: every test that a page names exists, in
// whatever package, and every command with -run selects a test of the packages that it names.
func TestPagesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	tests := testsByFolder(t)
	all := map[string]bool{}
	for _, names := range tests {
		for _, name := range names {
			all[name] = true
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
	command := regexp.MustCompile("(?:go test|make test)[^`\n]* -run (\\w+)[^`\n]*")
	folder := regexp.MustCompile(` \./(\S+)`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			if !all[name[1]] {
				t.Errorf("%s names %s, which does not exist", page, name[1])
			}
		}
		for _, run := range command.FindAllStringSubmatch(string(text), -1) {
			among := sorted(all)
			if in := folder.FindStringSubmatch(run[0]); in != nil {
				among = tests[strings.TrimRight(in[1], "`.,;)")]
			} else if strings.HasPrefix(run[0], "go test") {
				t.Errorf("%s names no package: %s", page, run[0])
			}
			if !slices.ContainsFunc(among, func(name string) bool { return strings.HasPrefix(name, run[1]) }) {
				t.Errorf("%s has a command that selects no test: %s", page, run[0])
			}
		}
	}
}

// TestClaimsNameThePackagesOfTheirTests protects docs/claims.md: each test of a claim is in a package of the same row.
func TestClaimsNameThePackagesOfTheirTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/claims.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := testsByFolder(t), 0
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
	folder := regexp.MustCompile("`\\./(\\S+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		if len(cells) != 3 {
			continue
		}
		var among []string
		for _, in := range folder.FindAllStringSubmatch(cells[2], -1) {
			among = append(among, tests[in[1]]...)
		}
		for _, name := range named.FindAllStringSubmatch(cells[1], -1) {
			rows++
			if !slices.Contains(among, name[1]) {
				t.Errorf("%s is not in %s", name[1], strings.TrimSpace(cells[2]))
			}
		}
	}
	if rows < 50 {
		t.Errorf("only %d tests of claims were found", rows)
	}
}

// pages returns the files of the documentation.
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

// testsByFolder returns the tests and fuzz targets of every package, by its folder.
func testsByFolder(t *testing.T) map[string][]string {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	tests := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, name := range function.FindAllStringSubmatch(string(code), -1) {
			tests[filepath.Dir(path)] = append(tests[filepath.Dir(path)], name[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
