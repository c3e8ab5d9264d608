package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// KubectlPath is the kubectl that belongs to the API server.
func (c *ControlPlane) KubectlPath() string { return filepath.Join(c.assets, "kubectl") }

// Kubectl runs kubectl as an administrator and returns what it printed to standard output; an error holds what it printed
// to standard error.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.run(exec.CommandContext(ctx, c.KubectlPath(), args...))
}

// Shell runs a script as an administrator would who has this control plane's kubectl, in the working directory; it returns what
// Kubectl returns. The script ends at the first command that fails.
func (c *ControlPlane) Shell(ctx context.Context, script string) (string, error) {
	return c.run(exec.CommandContext(ctx, "/bin/sh", "-ec", script))
}

func (c *ControlPlane) run(cmd *exec.Cmd) (string, error) {
	// Neither the user's kubeconfig, cache nor preferences take part.
	cmd.Env = append(os.Environ(), "PATH="+c.assets+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECONFIG="+c.Kubeconfig, "KUBECACHEDIR="+c.path("kubectl-cache"), "KUBERC=off")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", filepath.Base(cmd.Path), strings.Join(cmd.Args[1:], " "), err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

// Apply applies a file or a kustomize folder of the module, such as config/default, and waits until the kinds in it are served. A
// warning of the API server, such as of a pod that its namespace would refuse, is an error.
func (c *ControlPlane) Apply(ctx context.Context, path string) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	kind := "--kustomize"
	if filepath.Ext(path) != "" {
		kind = "--filename"
	}
	if _, err := c.Kubectl(ctx, "apply", "--warnings-as-errors", kind, filepath.Join(root, path)); err != nil {
		return err
	}
	return c.WaitEstablished(ctx, "customresourcedefinition", "--all")
}

// WaitEstablished waits until the CRDs that the arguments of kubectl wait name are served. That command ends with an error while a new CRD has no
// conditions at all.
func (c *ControlPlane) WaitEstablished(ctx context.Context, which ...string) error {
	args := append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, which...)
	var last error
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := c.Kubectl(ctx, args...)
		if ctx.Err() == nil {
			last = err // not the error that the time is up
		}
		return err == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
