package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// run runs kubectl in the root folder of the module, and returns its standard output. An error contains its standard error.
func (e *e2e) run(ctx context.Context, args ...string) (string, error) {
	return e.runCommand(ctx, e.kubectl, args...)
}

// runDocumented runs a command line of the README or of docs/.
func (e *e2e) runDocumented(ctx context.Context, line string) error {
	program, rest, _ := strings.Cut(line, " ")
	args := strings.Fields(rest)
	switch program {
	case "kubectl":
		program = e.kubectl
	case "helm":
		program = filepath.Join(e.root, "bin", "helm", "helm")
	case "make":
		args = append(args, "--no-print-directory", "KUBECTL="+e.kubectl)
	}
	_, err := e.runCommand(ctx, program, args...)
	return err
}

func (e *e2e) runCommand(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = e.root
	cmd.Env = append(os.Environ(), "KUBERC=off") // ignore the user's kubectl preferences
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out.String(), nil
}
