package manifests

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect config/samples: the API server accepts every sample, and those of the same name are the same.

// TestSamplesAreAccepted applies every file of the samples, and both kustomizations, as kubectl does, with strict validation and without a change.
func TestSamplesAreAccepted(t *testing.T) {
	framework.Kubectl(t, "apply", "-f", "config/samples/namespace.yaml")
	for _, folder := range []string{"config/samples", "config/samples/polling"} {
		framework.Kubectl(t, "apply", "--dry-run=server", "--validate=strict", "-k", folder)
		for _, file := range sampleFiles(t, folder) {
			framework.Kubectl(t, "apply", "--dry-run=server", "--validate=strict", "-f", file)
		}
	}
}

// TestPollingSampleHoldsTheOtherSamples protects the sample that only polls from falling behind: kustomize reads no file outside of its folder, so the
// folder holds copies.
func TestPollingSampleHoldsTheOtherSamples(t *testing.T) {
	for _, file := range []string{"namespace.yaml", "syncer_role.yaml"} {
		want, err := os.ReadFile(filepath.Join("config/samples", file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("config/samples/polling", file))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("polling/%s is not what is in config/samples (%v)", file, err)
		}
	}
}

// sampleFiles returns the files of a folder that are objects.
func sampleFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "kustomization.yaml" })
	if len(files) < 3 {
		t.Fatalf("%s holds only %v", folder, files)
	}
	return files
}
