package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// TestReadmeShowsCommandsOfTheDemo protects the README: each command that it shows as part of the demo is one that the demo runs.
func TestReadmeShowsCommandsOfTheDemo(t *testing.T) {
	t.Parallel()
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := append(requestRun("TIME"), getMedia, getMirrors, missedEvents)
	shown := 0
	for line := range strings.Lines(regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z`).ReplaceAllString(string(text), "TIME")) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if !ok {
			continue
		}
		shown++
		if !slices.Contains(commands, command) {
			t.Errorf("the demo does not run %q", command)
		}
	}
	if shown < 4 {
		t.Errorf("the README shows %d commands of the demo", shown)
	}
}
