package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pinned matches an image with a tag, for readers, and a digest, which selects the image.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$`)

// TestBaseImagesArePinned checks that the Dockerfile pins its images by digest, because a tag can move. It also checks that the version of
// Go in the builder image is new enough for go.mod, because golang images do not download another one.
func TestBaseImagesArePinned(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	arguments := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^ARG (\w+)=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		arguments[found[1]] = found[2]
	}
	froms := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(froms) != 2 {
		t.Errorf("the Dockerfile has the images %v, want a builder and a base", froms)
	}
	for _, from := range froms {
		if image := os.Expand(from[1], func(name string) string { return arguments[name] }); !pinned.MatchString(image) {
			t.Errorf("%s is %s: use NAME:TAG@sha256:DIGEST", from[1], image)
		}
	}

	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	needed := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)[1]
	_, builder, _ := strings.Cut(arguments["BUILDER_IMAGE"], ":")
	builder, _, _ = strings.Cut(builder, "@")
	versions := []string{string(needed), builder}
	if !slices.IsSortedFunc(versions, compareVersions) {
		t.Errorf("the builder has Go %s, go.mod needs %s", builder, needed)
	}
}

// compareVersions compares versions of three numbers.
func compareVersions(a, b string) int {
	numbers := func(version string) (n [3]int) {
		if _, err := fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2]); err != nil {
			panic(fmt.Sprintf("%q has not three numbers", version))
		}
		return n
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:])
}

// TestDigestsAreCompared checks make image-digests with a script instead of the container tool. The script answers as docker does.
func TestDigestsAreCompared(t *testing.T) {
	for name, tt := range map[string]struct {
		tool     string
		env      string
		wantCode int
		want     string
	}{
		"as pinned":             {tool: `sed -n "s|^ARG .*=$ref@||p" Dockerfile`, want: "golang:1.26.8 is sha256:"},
		"the tag moved":         {tool: `echo sha256:1`, want: "golang:1.26.8 is now sha256:1, pinned is sha256:"},
		"the digest is deleted": {tool: `case $ref in *@*) exit 1;; *) echo sha256:1;; esac`, wantCode: 1, want: "BUILDER_IMAGE: the registry has no sha256:"},
		"no registry":           {tool: `exit 1`, want: "NOT CHECKED: the registry of golang:1.26.8"},
		"no registry in CI":     {tool: `exit 1`, env: "STRICT=1", wantCode: 1, want: "NOT CHECKED"},
		"no tool":               {tool: "", want: "NOT CHECKED"},
		"both are checked":      {tool: `echo sha256:1`, want: "BASE_IMAGE: gcr.io/distroless/static:nonroot is now"},
	} {
		t.Run(name, func(t *testing.T) {
			tool := filepath.Join(t.TempDir(), "tool")
			if tt.tool != "" {
				script := "#!/bin/sh\nref=$4\n[ \"$1 $2 $3 $5\" = 'buildx imagetools inspect --format' ] || exit 2\n" + tt.tool + "\n"
				if err := os.WriteFile(tool, []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "../../hack/image/digests.sh")
			cmd.Env = append(os.Environ(), "CONTAINER_TOOL="+tool, tt.env)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.wantCode || !strings.Contains(string(out), tt.want) {
				t.Errorf("exit code %d (%v), want %d; the output is\n%swant %q in it", code, err, tt.wantCode, out, tt.want)
			}
		})
	}
}
