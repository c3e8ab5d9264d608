package framework

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// EnsureRunning starts what does not run and waits until it works.
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

// NewReceiver starts another receiver beside the one that all tests share.
func NewReceiver(t *testing.T, name string, args ...string) *controlplane.Operator {
	t.Helper()
	return NewProcess(t, name, Deployed.AsReceiver, append([]string{"--controllers=false"}, args...)...)
}

func NewProcess(t *testing.T, name string, identity controlplane.Identity, args ...string) *controlplane.Operator {
	t.Helper()
	return NewProcessWithEnv(t, name, nil, identity, args...)
}

// NewProcessWithEnv starts another process of the operator, with more in its environment, that ends with the test.
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

// Restart ends a process as a roll-out does and starts it again.
func Restart(t *testing.T, p *controlplane.Operator) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	EnsureRunning(t, p)
}
