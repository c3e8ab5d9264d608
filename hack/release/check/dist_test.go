package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	root = "../../.."
	// small is a program that takes the place of the operator and of the plugin, because these take minutes to compile for all platforms.
	small = "package main\n\nvar version = \"dev\"\n\nfunc main() { println(version) }\n"
)

// clone copies the work tree into a repository of its own, with small programs, a section of the changelog and the tag v1.2.3.
func clone(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	files := output(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(files, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		mode := os.FileMode(0o644)
		if info, err := os.Stat(filepath.Join(root, name)); err == nil {
			mode = info.Mode()
		}
		switch name {
		case "main.go", "cmd/kubectl-fastpix/main.go":
			content = []byte(small)
		case "CHANGELOG.md":
			content = []byte(strings.Replace(string(content), "## [Unreleased]\n", "## [Unreleased]\n\n## [1.2.3] - 2026-01-01\n", 1))
		}
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, mode); err != nil {
			t.Fatal(err)
		}
	}
	output(t, folder, "git", "init", "--quiet")
	output(t, folder, "git", "add", ".")
	output(t, folder, "git", "-c", "user.name=test", "-c", "user.email=test@test.example", "commit", "--quiet", "--message=Test")
	output(t, folder, "git", "tag", "v1.2.3")
	return folder
}

// output runs a command in a folder, and returns what it prints to standard output.
func output(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	cmd.Stderr = &strings.Builder{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, cmd.Stderr)
	}
	return string(out)
}

// assets returns the folder of kubectl.
func assets(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(filepath.Join(root, "bin", "k8s"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// dist runs make dist for the tag of a clone, and returns its folder and what it printed. Both builds use the same cache, to save time.
func dist(t *testing.T, folder string, args ...string) (string, string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "dist"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets(t), "PLUGIN_PLATFORMS=linux/amd64 windows/amd64",
		"SECOND_CACHE="+strings.TrimSpace(output(t, ".", "go", "env", "GOCACHE")), "MAKEFLAGS=", "MAKELEVEL=")
	printed, err := cmd.CombinedOutput()
	return filepath.Join(folder, "dist"), string(printed), err
}

// TestPartsOfAReleaseAgree runs make dist. Then it changes each part in turn, and checks that the disagreement is found.
func TestPartsOfAReleaseAgree(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("make dist needs GNU tar")
	}
	source := clone(t)
	folder, printed, err := dist(t, source)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	r := release{folder: folder, version: "v1.2.3", image: "ghcr.io/fastpix-operator/fastpix-operator:v1.2.3"}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, to string)
		want  string
	}{
		"another image in the manifest":   {replace("install.yaml", ":v1.2.3@", ":v1.2.4@"), "install.yaml: fastpix-controller-manager has the image"},
		"another version of an object":    {replace("install.yaml", versionLabel+": v1.2.3", versionLabel+": v1.2.4"), "install.yaml: Namespace fastpix-system has the version"},
		"another schema in the manifest":  {replace("install.yaml", "maxLength: 253", "maxLength: 252"), "chart: the chart has another schema of"},
		"another image in the chart":      {script(source, "chart.sh", "IMG=ghcr.io/fastpix-operator/fastpix-operator:v1.2.4"), "chart: Chart.yaml has the versions 1.2.3 and v1.2.4"},
		"another version of the plugin":   {replace("fastpix.yaml", "version: v1.2.3", "version: v1.2.4"), "plugin: the krew manifest has the version"},
		"another archive of the plugin":   {copyOf("kubectl-fastpix-windows-amd64.tar.gz", "kubectl-fastpix-linux-amd64.tar.gz"), "plugin: the krew manifest has"},
		"a download of another release":   {replace("fastpix.yaml", "download/v1.2.3/", "download/v1.2.4/"), "plugin: the krew manifest has"},
		"an SBOM of another version":      {replace("fastpix-operator-linux-amd64.spdx.json", `"versionInfo": "v1.2.3"`, `"versionInfo": "v1.2.4"`), "SBOM: fastpix-operator-linux-amd64 is of version v1.2.4"},
		"an SBOM of another program":      {copyOf("fastpix-operator-linux-arm64.spdx.json", "fastpix-operator-linux-amd64.spdx.json"), "SBOM: fastpix-operator-linux-amd64 is of version"},
		"a bundle of another version":     {bundleOf(source, "1.2.4"), "bundle: fastpix-operator.v1.2.4 has the version"},
		"an image of another version":     {image(source, "v1.2.4"), "image: amd64: its version is"},
		"a provenance of another version": {replace("provenance.json", `"version":"v1.2.3"`, `"version":"v1.2.4"`), "checksums.txt: provenance.json is of"},
		"a file without a checksum":       {copyOf("install.yaml", "more.yaml"), "checksums.txt: more.yaml has the digest"},
		"no notes":                        {replace("release-notes.md", "", ""), "version: release-notes.md is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, to)
			spoiled := release{folder: to, version: r.version, image: r.image}
			if err := spoiled.check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestReleaseWithoutChangelogIsRefused checks that a version needs a section of the changelog, before anything is built.
func TestReleaseWithoutChangelogIsRefused(t *testing.T) {
	source := clone(t)
	if _, printed, err := dist(t, source, "VERSION=v1.3.0"); err == nil || !strings.Contains(printed, `no section "## [1.3.0]"`) {
		t.Errorf("got %v\n%s", err, printed)
	}
	if _, printed, err := dist(t, source, "REPOSITORY=fastpix-operator"); err == nil || !strings.Contains(printed, "use a registry and a name") {
		t.Errorf("got %v\n%s", err, printed)
	}
}

// replace changes a text in a file of a release, or empties the file.
func replace(name, from, to string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		file := filepath.Join(folder, name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), from, to, 1)
		if from == "" {
			changed = ""
		}
		if changed == string(text) {
			t.Fatalf("%s has no %q", name, from)
		}
		write(t, file, []byte(changed))
	}
}

// copyOf puts one file of a release in the place of another.
func copyOf(from, to string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(folder, from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, to), content)
	}
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// script makes a part of a release again, with other variables.
func script(source, name string, env ...string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		cmd := append([]string{"VERSION=v1.2.3", "SOURCE_DATE_EPOCH=1"}, env...)
		output(t, source, "env", append(cmd, "hack/release/"+name, ".", folder)...)
	}
}

func bundleOf(source, version string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		made := t.TempDir()
		output(t, source, "bash", "-c", fmt.Sprintf("go -C hack/release run ./bundle -version %s -config ../../config -output %s <%s/install.yaml", version, made, folder))
		output(t, made, "tar", "-czf", filepath.Join(folder, "fastpix-operator-bundle-1.2.3.tar.gz"), ".")
	}
}

func image(source, version string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		output(t, source, "go", "run", "./hack/image", "-binary", filepath.Join(folder, "fastpix-operator-linux-amd64"),
			"-binary", filepath.Join(folder, "fastpix-operator-linux-arm64"), "-name", "ghcr.io/fastpix-operator/fastpix-operator:v1.2.3",
			"-build-arg", "VERSION="+version, "-output", filepath.Join(folder, "fastpix-operator-image.tar"))
	}
}
