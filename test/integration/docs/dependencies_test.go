package docs

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is what go mod edit -json prints of a go.mod.
type module struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Tool []struct{ Path string }
}

// TestDependenciesAreListed protects docs/dependencies.md: it has a section for each go.mod, which lists the direct dependencies with why, who
// and licence, and no others.
func TestDependenciesAreListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := listedDependencies(t, string(text))
	for _, file := range goModFiles(t) {
		for path := range directDependencies(t, file) {
			if !listed[file][path] {
				t.Errorf("docs/dependencies.md does not list %s of %s: add a row that says why it is there, who keeps it, and its licence", path, file)
			}
			delete(listed[file], path)
		}
		for path := range listed[file] {
			t.Errorf("docs/dependencies.md lists %s, which %s does not require directly: remove the row", path, file)
		}
		delete(listed, file)
	}
	for file := range listed {
		t.Errorf("docs/dependencies.md has a section for %s, which does not exist", file)
	}
}

// listedDependencies returns the modules of each section, by the go.mod in its heading.
func listedDependencies(t *testing.T, page string) map[string]map[string]bool {
	t.Helper()
	heading := regexp.MustCompile("^## `(\\S+go\\.mod|go\\.mod)`")
	listed := map[string]map[string]bool{}
	section := ""
	for line := range strings.Lines(page) {
		if h := heading.FindStringSubmatch(line); h != nil {
			section = h[1]
			listed[section] = map[string]bool{}
		}
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		name := strings.Trim(cells[0], "` ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) != 4 || slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
			t.Errorf("the row of %s has not four cells with text", name)
		}
		listed[section][name] = true
	}
	return listed
}

// goModFiles returns every go.mod of the repository.
func goModFiles(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && slices.Contains([]string{"bin", ".git", "dist"}, path) {
			return fs.SkipDir
		}
		if filepath.Base(path) == "go.mod" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// directDependencies returns the modules that a go.mod requires directly, or whose programs it names as tools. Modules of this repository do not count.
func directDependencies(t *testing.T, file string) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var m module
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	direct, tools := map[string]bool{}, map[string]bool{}
	for _, tool := range m.Tool {
		tools[tool.Path+"/"] = true
	}
	for _, r := range m.Require {
		isTool := slices.ContainsFunc(slices.Collect(maps.Keys(tools)), func(tool string) bool { return strings.HasPrefix(tool, r.Path+"/") })
		if (!r.Indirect || isTool) && r.Path != "github.com/fastpix-operator/fastpix-operator" {
			direct[r.Path] = true
		}
	}
	return direct
}
