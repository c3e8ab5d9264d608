package previous

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// previousCommit is the release that upgrades start from: the last state without sync and with objects in status.recentEvents.
const previousCommit = "6333e958b692324ded4d501b6560486f0c023a80"

// release is a version of the operator.
type release struct {
	name      string
	root      string // the folder of its repository
	binary    string
	hasSyncer bool
}

// previousRelease returns the previous release, or skips the test if git does not know it.
func previousRelease(t *testing.T) release {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "git", "cat-file", "-e", previousCommit+"^{commit}").Run(); err != nil {
		t.Skipf("NOT CHECKED: upgrades need the history of git, and commit %s is not in it (%v). Use a full clone.", previousCommit[:7], err)
	}
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	return release{name: "previous", root: root, binary: filepath.Join(root, "fastpix-operator")}
}

// currentRelease returns the version in the work tree.
func currentRelease(t *testing.T) release {
	t.Helper()
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := currentBinary()
	if err != nil {
		t.Fatal(err)
	}
	return release{name: "current", root: root, binary: binary, hasSyncer: true}
}

// currentBinary builds the binary unless make test has built it.
var currentBinary = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("OPERATOR_BINARY"); binary != "" {
		return binary, nil
	}
	folder, err := filepath.Abs(filepath.Join("bin", "upgrades"))
	if err != nil {
		return "", err
	}
	return controlplane.BuildOperator(context.Background(), folder)
})

// checkout writes the files of the previous release into bin and builds its binary there, once.
var checkout = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs(filepath.Join("bin", "upgrades", previousCommit[:7]))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, "fastpix-operator")); err == nil {
		return root, nil
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Dir(root)), ".upgrades-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial)
	script := fmt.Sprintf("git archive %s | tar -x -C '%s' && cd '%s' && go build -ldflags='-s -w' -o fastpix-operator .", previousCommit, partial, partial)
	if out, err := exec.CommandContext(context.Background(), "/bin/sh", "-ec", script).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the previous release: %w\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o750); err != nil {
		return "", err
	}
	err = os.Rename(partial, root)
	if errors.Is(err, os.ErrExist) { // another process was faster
		err = nil
	}
	return root, err
})
