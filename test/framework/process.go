package framework

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// EnsureRunning starts the processes that do not run, and waits until they are ready.
func EnsureRunning(t *testing.T, operators ...*controlplane.Operator) {
	t.Helper()
	for _, p := range operators {
		if p.Running() {
			continue
		}
		// Not the test's context: it is over when clean-up runs.
		if err := p.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(fmt.Errorf("restart: %w", err))
		}
	}
}

// IsReady reports whether a process answers its readiness probe.
func IsReady(ctx context.Context, o *controlplane.Operator) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.ProbeURL+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// NewReceiver starts another receiver beside the deployed one. It ends with the test.
func NewReceiver(t *testing.T, name string, args ...string) *controlplane.Operator {
	t.Helper()
	return NewProcess(t, name, Deployed.AsReceiver, append([]string{"--controllers=false", "--syncer=false"}, args...)...)
}

// NewProcess starts another process of the operator. It ends with the test.
func NewProcess(t *testing.T, name string, identity controlplane.Identity, args ...string) *controlplane.Operator {
	t.Helper()
	return NewProcessWithEnv(t, name, nil, identity, args...)
}

// NewProcessWithEnv does the same with further environment variables.
func NewProcessWithEnv(t *testing.T, name string, env []string, identity controlplane.Identity, args ...string) *controlplane.Operator {
	t.Helper()
	o, err := Deployed.NewOperator(name, Deployed.Receiver.Path, identity, args...)
	if err != nil {
		t.Fatal(err)
	}
	o.Env = env
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// Restart stops a process as a roll-out does, and starts it again.
func Restart(t *testing.T, p *controlplane.Operator) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	EnsureRunning(t, p)
}
