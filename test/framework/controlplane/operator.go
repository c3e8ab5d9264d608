package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// ReceiverGoMemoryLimit and GoMemoryLimit are the environment variables that config sets for the receiver, and for the controllers and the
// syncer.
const (
	ReceiverGoMemoryLimit = "GOMEMLIMIT=140MiB"
	GoMemoryLimit         = "GOMEMLIMIT=230MiB"
)

// Operator is one process of the operator's binary.
type Operator struct {
	*process.Process
	// ReceiverURL, ProbeURL and MetricsURL are where it listens, without a path.
	ReceiverURL, ProbeURL, MetricsURL string
}

// BuildOperator compiles the module's binary into a folder and returns its path, with the flags of go test, so that both use
// the same build cache. What go build says goes to its error.
func BuildOperator(ctx context.Context, folder string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "fastpix-operator")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build operator: %w\n%s", err, out)
	}
	return binary, nil
}

// NewOperator prepares a process of the binary, on free loopback ports and under the given identity; Start starts it. Close
// ends it with the control plane.
func (c *ControlPlane) NewOperator(name, binary string, identity Identity, args ...string) (*Operator, error) {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = process.FreeAddress(); err != nil {
			return nil, err
		}
	}
	o := &Operator{ReceiverURL: "http://" + addresses[0], ProbeURL: "http://" + addresses[1], MetricsURL: "https://" + addresses[2]}
	o.Process = &process.Process{
		Name: name, Path: binary, Log: filepath.Join(c.LogDir(), name+".log"),
		Args: append([]string{
			"--kubeconfig=" + identity.Kubeconfig,
			"--receiver-bind-address=" + addresses[0],
			"--health-probe-bind-address=" + addresses[1],
			"--metrics-bind-address=" + addresses[2],
		}, args...),
		Ready: func(ctx context.Context) error { return getOK(ctx, http.DefaultClient, o.ProbeURL+"/readyz") },
	}
	c.running = append(c.running, o.Process)
	return o, nil
}
