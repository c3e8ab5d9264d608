// These tests check that the image of make image matches the Dockerfile: it does not run as root, it has the same labels, and the same
// content has the same digest.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// untar returns the headers and contents of an archive by their names.
func untar(t *testing.T, r io.Reader) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	headers, contents := map[string]*tar.Header{}, map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		headers[header.Name] = header
		if contents[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func decode[T any](t *testing.T, content []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// buildStatic compiles a small static program.
func buildStatic(t *testing.T, architecture string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "pause")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "../cluster/pause")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// TestImageMatchesTheDockerfile compares an image with the text of the Dockerfile. It does not use the parser of the program.
func TestImageMatchesTheDockerfile(t *testing.T) {
	folder, binary := t.TempDir(), buildStatic(t, runtime.GOARCH)
	archives := make([][]byte, 2)
	for i := range archives {
		file := filepath.Join(folder, "image.tar")
		err := run(options{
			dockerfile: "../../Dockerfile", binaries: files{binary}, name: "fastpix-operator:dev", output: file,
			arguments: arguments{"VERSION": "v1.2.3", "REVISION": "abc"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if archives[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two builds of the same content differ")
	}

	_, files := untar(t, bytes.NewReader(archives[0]))
	blob := func(d descriptor) []byte {
		content, ok := files["blobs/"+strings.ReplaceAll(d.Digest, ":", "/")]
		if !ok || len(content) != d.Size || digestOf(content) != d.Digest {
			t.Fatalf("the archive has no blob %+v", d)
		}
		return content
	}
	index := decode[manifest](t, files["index.json"])
	if got := index.Manifests[0].Annotations[annotationName]; got != "docker.io/library/fastpix-operator:dev" {
		t.Errorf("the image's name is %q", got)
	}
	image := decode[manifest](t, blob(index.Manifests[0]))
	c := decode[imageConfig](t, blob(*image.Config))
	checkConfig(t, c)
	checkLayer(t, blob(image.Layers[0]), c.RootFS.DiffIDs[0], binary)
}

func checkConfig(t *testing.T, c imageConfig) {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(text), "FROM ${BASE_IMAGE}\n")
	for _, line := range []string{
		"USER " + c.Config.User + "\n",
		"EXPOSE 8080 8081 8443\n",
		`ENTRYPOINT ["` + strings.Join(c.Config.Entrypoint, `", "`) + `"]` + "\n",
	} {
		if !strings.Contains(last, "\n"+line) {
			t.Errorf("the last stage of the Dockerfile has no %q", line)
		}
	}
	if c.Config.User != "65532:65532" || c.OS != "linux" {
		t.Errorf("the image runs as %s on %s", c.Config.User, c.OS)
	}
	if got := slices.Sorted(maps.Keys(c.Config.ExposedPorts)); !slices.Equal(got, []string{"8080/tcp", "8081/tcp", "8443/tcp"}) {
		t.Errorf("the image exposes %v", got)
	}
	if got := strings.Count(last, "org.opencontainers.image."); got != len(c.Config.Labels) {
		t.Errorf("the image has the labels %v, the Dockerfile has %d", c.Config.Labels, got)
	}
	given := strings.NewReplacer("v1.2.3", "${VERSION}", "abc", "${REVISION}")
	for name, value := range c.Config.Labels {
		value = given.Replace(value)
		if !strings.Contains(last, name+`="`+value+`"`) {
			t.Errorf("the Dockerfile has no label %s=%q", name, value)
		}
	}
}

func checkLayer(t *testing.T, layer []byte, diffID, binary string) {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(content) != diffID {
		t.Error("the configuration has a wrong digest of the layer")
	}
	want, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	headers, files := untar(t, bytes.NewReader(content))
	header := headers["fastpix-operator"]
	if len(files) != 1 || !bytes.Equal(files["fastpix-operator"], want) || header.Mode != 0o755 || header.Uid != 0 {
		t.Errorf("the layer holds %v", headers)
	}
}

// TestImageOfTwoArchitecturesIsAnIndex checks the image of a release: its name stands for an index, whose images differ only in the binary.
func TestImageOfTwoArchitecturesIsAnIndex(t *testing.T) {
	t.Parallel()
	binaries := files{buildStatic(t, "amd64"), buildStatic(t, "arm64")}
	o := options{
		dockerfile: "../../Dockerfile", binaries: binaries, name: "fastpix-operator:dev", output: filepath.Join(t.TempDir(), "image.tar"),
		arguments: arguments{"VERSION": "v1.2.3", "REVISION": "abc"},
	}
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(o.output)
	if err != nil {
		t.Fatal(err)
	}
	_, contents := untar(t, bytes.NewReader(archive))
	blob := func(d descriptor) []byte { return contents["blobs/"+strings.ReplaceAll(d.Digest, ":", "/")] }
	named := decode[manifest](t, contents["index.json"]).Manifests
	if len(named) != 1 || named[0].MediaType != typeIndex || named[0].Annotations[annotationName] != "docker.io/library/fastpix-operator:dev" {
		t.Fatalf("the archive names %+v", named)
	}
	images := decode[manifest](t, blob(named[0])).Manifests
	if len(images) != 2 {
		t.Fatalf("the index has %+v", images)
	}
	for i, architecture := range []string{"amd64", "arm64"} {
		image := decode[manifest](t, blob(images[i]))
		c := decode[imageConfig](t, blob(*image.Config))
		if got := *images[i].Platform; got.Architecture != architecture || got != c.platform {
			t.Errorf("the index says %+v, the image says %+v, want %s", got, c.platform, architecture)
		}
		checkConfig(t, c)
		checkLayer(t, blob(image.Layers[0]), c.RootFS.DiffIDs[0], binaries[i])
	}
	o.binaries = files{binaries[0], binaries[0]}
	if err := run(o); err == nil {
		t.Error("two binaries for the same architecture are accepted")
	}
}

func TestUnsupportedDockerfileIsRefused(t *testing.T) {
	t.Parallel()
	const good = "FROM a AS b\nRUN anything\n\nFROM scratch\n# why\nCOPY --from=b /x /y\nUSER 1:1\nENTRYPOINT [\"/y\"]\n"
	if s, err := lastStage(good, nil); err != nil || s.Path != "/y" || s.User != "1:1" {
		t.Fatalf("got %+v, %v", s, err)
	}
	for name, text := range map[string]string{
		"no FROM":               "COPY a /b\nUSER 1\nENTRYPOINT [\"/b\"]\n",
		"no USER":               strings.Replace(good, "USER 1:1\n", "", 1),
		"no ENTRYPOINT":         strings.Replace(good, "ENTRYPOINT [\"/y\"]\n", "", 1),
		"a shell's ENTRYPOINT":  strings.Replace(good, "[\"/y\"]", "/y", 1),
		"a second file":         good + "COPY more /z\n",
		"RUN in the last stage": good + "RUN something\n",
		"ENV":                   good + "ENV A=b\n",
		"an unquoted label":     good + "LABEL a=b\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := lastStage(text, nil); err == nil {
				t.Errorf("got %+v, want an error", s)
			}
		})
	}
}

func TestOnlyStaticProgramsArePacked(t *testing.T) {
	t.Parallel()
	if _, err := architectureOf([]byte("#!/bin/sh\n")); err == nil {
		t.Error("a script is accepted")
	}
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Skip("/bin/sh does not exist")
	}
	if _, err := architectureOf(shell); err == nil {
		t.Error("a dynamically linked program is accepted")
	}
}

func TestFullNamesMatchContainerRuntimes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"fastpix-operator:dev":                 "docker.io/library/fastpix-operator:dev",
		"somebody/fastpix-operator:v1":         "docker.io/somebody/fastpix-operator:v1",
		"registry.example/fastpix-operator:v1": "registry.example/fastpix-operator:v1",
		"localhost/fastpix-operator:v1":        "localhost/fastpix-operator:v1",
		"fastpix-operator":                     "",
		"registry.example:5000/operator":       "",
		"a@sha256:00":                          "",
	} {
		if got, err := fullName(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}
