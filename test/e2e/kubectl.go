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

// run runs kubectl in the module's folder and returns what it printed to standard output; an error holds what it printed to standard error.
func (e *e2e) run(ctx context.Context, args ...string) (string, error) {
	return e.runCommand(ctx, e.kubectl, args...)
}

// readme runs a command line of the README or of docs/.
func (e *e2e) readme(ctx context.Context, line string) error {
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
	cmd.Env = append(os.Environ(), "KUBERC=off") // the user's preferences take no part
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}
