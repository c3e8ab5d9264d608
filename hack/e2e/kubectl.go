package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// run runs kubectl in the module's folder and returns what it printed to standard output; an error holds what it printed to standard error.
func (e *e2e) run(ctx context.Context, args ...string) (string, error) {
	return e.runCommand(ctx, e.kubectl, args...)
}

// readme runs a command line of the README.
func (e *e2e) readme(ctx context.Context, line string) (string, error) {
	program, rest, _ := strings.Cut(line, " ")
	switch program {
	case "kubectl":
		return e.run(ctx, strings.Fields(rest)...)
	case "make":
		return e.make(ctx, strings.Fields(rest)...)
	}
	return "", fmt.Errorf("%q is not for kubectl or make", line)
}

// make runs a target of the Makefile with the test's kubectl.
func (e *e2e) make(ctx context.Context, args ...string) (string, error) {
	return e.runCommand(ctx, "make", append([]string{"--no-print-directory", "KUBECTL=" + e.kubectl}, args...)...)
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
