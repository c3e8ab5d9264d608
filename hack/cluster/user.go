package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// files are a flag that may be given several times.
type files []string

func (f *files) String() string { return strings.Join(*f, " ") }

// Set adds a file.
func (f *files) Set(file string) error {
	*f = append(*f, file)
	return nil
}

// startForUser starts the cluster, unless it runs, and says how to use it.
func (c *cluster) startForUser(ctx context.Context) error {
	if c.pid() == 0 {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	fmt.Printf(`
It stays up until make cluster-stop. Its folder is %[1]s.

  export KUBECONFIG=%[1]s/%[2]s PATH=%[3]s:$PATH
  kubectl get pods --all-namespaces

Images come from archives (make image makes one): bin/cluster load ARCHIVE
What only its own network reaches, such as Services:  nsenter --net --target %[4]d -- COMMAND
`, c.dir, kubeconfigFile, c.programs.controlPlane, c.pid())
	return nil
}

var errNotRunning = errors.New("the cluster does not run")

// status says what runs.
func (c *cluster) status(ctx context.Context) error {
	pid := c.pid()
	if pid == 0 {
		return errNotRunning
	}
	fmt.Printf("The cluster runs as process %d; KUBECONFIG=%s\n\n", pid, c.path(kubeconfigFile))
	for _, what := range []string{"nodes", "pods"} {
		cmd := exec.CommandContext(ctx, filepath.Join(c.programs.controlPlane, "kubectl"),
			"--kubeconfig", c.path(kubeconfigFile), "get", what, "--all-namespaces", "-o", "wide")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("ask the API server: %w", err)
		}
		fmt.Println()
	}
	return nil
}

// with runs a command in the network of a new cluster. The cluster ends with it, however this process ends.
func with(ctx context.Context, dir string, args []string) (err error) {
	flags := flag.NewFlagSet("with", flag.ContinueOnError)
	var archives files
	flags.Var(&archives, "load", "archive of an image to import first")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("with needs a command")
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "fastpix-cluster-"); err != nil {
			return err
		}
	}
	c, err := newCluster(dir)
	if err != nil {
		return err
	}
	c.endsWithThis = true
	defer func() { err = errors.Join(err, c.stop(ctx)) }()
	if err := c.start(ctx); err != nil {
		return err
	}
	if err := c.load(ctx, archives...); err != nil {
		return err
	}
	return c.runInside(ctx, flags.Args())
}

// runInside runs a command in the cluster's network. When the user ends this program, the command is asked to end first.
func (c *cluster) runInside(ctx context.Context, args []string) error {
	cmd, err := c.inNamespaces(ctx, []string{"--net"}, args...)
	if err != nil {
		return err
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+c.path(insideKubeconfigFile),
		"CLUSTER_DIR="+c.dir,
		"PATH="+c.programs.controlPlane+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd.Run()
}
