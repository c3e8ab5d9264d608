package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTwoBuildsAreTheSameBytes protects that whoever doubts a release can build it again: nothing of the folder, the time or the machine
// is in the binary. make release does the same with an empty build cache.
func TestTwoBuildsAreTheSameBytes(t *testing.T) {
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
			t.Errorf("the binary tells that it was built in %s", folder)
		}
	}
	if !bytes.Equal(builds[0], builds[1]) {
		t.Error("two builds of the same source differ")
	}
}

// TestImageIsBuiltLikeTheBinary protects that the image holds the binary that make builds.
func TestImageIsBuiltLikeTheBinary(t *testing.T) {
	flags := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`go build (.* -ldflags "-s -w .*)main\.version=`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s builds nothing", file)
		}
		return string(found[1])
	}
	if image, binary := flags("Dockerfile"), flags("Makefile"); image != binary {
		t.Errorf("the Dockerfile builds with %s, the Makefile with %s", image, binary)
	}
}
