package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTwoBuildsAreTheSameBytes protects reproducible builds: the binary does not depend on the folder, the time or the machine. make dist does
// the same for everything of a release, with an empty build cache.
func TestTwoBuildsAreTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("two builds take a while")
	}
	t.Parallel()
	var builds [2][]byte
	for i, folder := range []string{"a", "another/and/a/much/longer/path"} {
		folder = filepath.Join(t.TempDir(), folder)
		for _, part := range []string{"api", "controllers", "internal", "webhookserver"} {
			if err := os.CopyFS(filepath.Join(folder, part), os.DirFS(part)); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"go.mod", "go.sum", "main.go", "Makefile"} {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "make", "--directory="+folder, "build", "VERSION=v1.2.3", "BINARY=binary")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var err error
		if builds[i], err = os.ReadFile(filepath.Join(folder, "binary")); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(builds[i], []byte(folder)) {
			t.Errorf("the binary contains the folder of its build, %s", folder)
		}
	}
	if !bytes.Equal(builds[0], builds[1]) {
		t.Error("two builds of the same source differ")
	}
}

// TestImageIsBuiltLikeTheBinary protects the image from another build than that of make.
func TestImageIsBuiltLikeTheBinary(t *testing.T) {
	t.Parallel()
	flags := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`go build (.* -ldflags "-s -w .*)main\.version=`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no command that builds", file)
		}
		return string(found[1])
	}
	if image, binary := flags("Dockerfile"), flags("Makefile"); image != binary {
		t.Errorf("the Dockerfile builds with %s, the Makefile with %s", image, binary)
	}
}
