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

// fileList is the value of a flag that may be set several times.
type fileList []string

func (f *fileList) String() string { return strings.Join(*f, " ") }

// Set adds a file.
func (f *fileList) Set(file string) error {
	*f = append(*f, file)
	return nil
}

// startForUser starts the cluster, unless it already runs, and prints how to use it.
func (c *cluster) startForUser(ctx context.Context) error {
	if c.pid() == 0 {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	fmt.Printf(`
The cluster runs until make cluster-stop. Its state folder is %[1]s.

  export KUBECONFIG=%[1]s/%[2]s PATH=%[3]s:$PATH
  kubectl get pods --all-namespaces

To load an image from an archive (make image builds one):  bin/cluster load ARCHIVE
To run a command in the network of the cluster, for example to reach Services:  nsenter --net --target %[4]d -- COMMAND
`, c.dir, kubeconfigFile, c.programs.controlPlane, c.pid())
	return nil
}

var errNotRunning = errors.New("the cluster is not running")

// status prints the process ID, the kubeconfig, the nodes and the pods of the cluster.
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
			return fmt.Errorf("list %s: %w", what, err)
		}
		fmt.Println()
	}
	return nil
}

// runWith runs a command in the network of a new cluster, and then stops the cluster. If this process is killed, the kernel ends the
// cluster.
func runWith(ctx context.Context, dir string, args []string) (err error) {
	flags := flag.NewFlagSet("with", flag.ContinueOnError)
	var archives fileList
	flags.Var(&archives, "load", "image archive to import before the command runs; may be set several times")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("the command \"with\" needs a command to run")
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
	c.killedWithParent = true
	defer func() { err = errors.Join(err, c.stop(ctx)) }()
	if err := c.start(ctx); err != nil {
		return err
	}
	if err := c.load(ctx, archives...); err != nil {
		return err
	}
	return c.runInside(ctx, flags.Args())
}

// runInside runs a command in the network of the cluster. When the user interrupts this program, the command is interrupted too.
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
