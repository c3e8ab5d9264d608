// These tests protect what the fault tests stand on: that killed servers come back with their data at the same address, and
// that nothing stays behind.
package controlplane_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

func TestKilledControlPlaneRestartsWithItsData(t *testing.T) {
	ctx := t.Context()
	c, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.Kubectl(ctx, "create", "namespace", "survivor"); err != nil {
		t.Fatal(err)
	}

	c.APIServer.Kill()
	c.Etcd.Kill()
	if c.Etcd.Running() || c.APIServer.Running() {
		t.Fatal("a killed process still runs")
	}
	for _, p := range []*process.Process{c.Etcd, c.APIServer} {
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := c.Kubectl(ctx, "get", "namespace", "survivor", "-o", "name"); err != nil || strings.TrimSpace(out) != "namespace/survivor" {
		t.Errorf("after the restart kubectl prints %q, error %v", out, err)
	}
	// What Leaks looks into holds what was written.
	leaks, err := c.Leaks(ctx, []string{"survivor", "never-written"})
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(leaks, "\n"); !strings.Contains(all, "object /registry/namespaces/survivor") || !strings.Contains(all, "/member/wal/") ||
		strings.Contains(all, "never-written") {
		t.Errorf("looking for the namespace found:\n%s", all)
	}

	pids := []int{c.Etcd.PID(), c.APIServer.PID()}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", t.TempDir())
	_, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err == nil || !strings.Contains(err.Error(), "make k8s") {
		t.Errorf("the error does not say how to get the binaries: %v", err)
	}
}
