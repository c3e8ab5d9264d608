package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// The content of the state folder of a cluster.
const (
	// The node sees these folders at the paths in the comments: see mountAll.
	runFolder = "run" // /run
	libFolder = "lib" // /var/lib
	logFolder = "log" // /var/log, with one log for each program

	// kubeconfigFile is for all programs on this machine. insideKubeconfigFile is for programs in the network of the cluster.
	kubeconfigFile       = "kubeconfig"
	insideKubeconfigFile = "inside.kubeconfig"

	pidFile   = "init.pid"
	readyFile = "ready"
)

const killTimeout = 30 * time.Second

// cluster is a cluster, running or not. Its state folder identifies it.
type cluster struct {
	dir      string
	programs programs
	// killedWithParent makes the kernel kill the cluster when this process ends or is killed.
	killedWithParent bool
}

func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// start starts the cluster and waits until it is ready. On an error it removes everything but the state folder, which contains the logs.
func (c *cluster) start(ctx context.Context) error {
	if err := checkRequirements(); err != nil {
		return err
	}
	if pid := c.pid(); pid != 0 {
		return fmt.Errorf("a cluster of this folder already runs as process %d", pid)
	}
	if err := c.stop(ctx); err != nil { // removes what is left of a cluster that crashed
		return err
	}
	for _, folder := range []string{runFolder, libFolder, logFolder} {
		if err := os.MkdirAll(c.path(folder), 0o750); err != nil {
			return err
		}
	}
	if err := makeCgroup(c.cgroup()); err != nil {
		return err
	}
	started := time.Now()
	release := context.AfterFunc(ctx, func() { _ = c.kill(ctx) }) // the rest is removed below
	defer release()
	if err := c.startNamespaces(); err != nil {
		return errors.Join(err, c.kill(ctx), removeCgroup(ctx, c.cgroup()))
	}
	if _, err := os.Stat(c.path(readyFile)); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("the cluster did not become ready. Its logs are in %s; cluster stop removes them", c.path(logFolder)),
			c.kill(ctx), removeCgroup(ctx, c.cgroup()))
	}
	fmt.Printf("%6.1f s  the cluster is ready\n", time.Since(started).Seconds())
	return nil
}

// stop kills the first process of the namespaces; then the kernel kills all other processes in them. After that, stop removes the control
// group and the state folder.
func (c *cluster) stop(ctx context.Context) error {
	if err := c.kill(ctx); err != nil {
		return err
	}
	return errors.Join(removeCgroup(ctx, c.cgroup()), os.RemoveAll(c.dir))
}

// kill kills the first process of the namespaces and waits until it ends. It continues after its context is canceled, because no process
// may keep running.
func (c *cluster) kill(ctx context.Context) error {
	pid := c.pid()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	err := wait.PollUntilContextTimeout(context.WithoutCancel(ctx), 20*time.Millisecond, killTimeout, true, func(context.Context) (bool, error) {
		return c.pid() == 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait until process %d ends: %w", pid, err)
	}
	return nil
}

// pid returns the process ID of the first process of the cluster's namespaces, or 0 if it does not run. Its start time distinguishes it
// from a later process with the same ID.
func (c *cluster) pid() int {
	content, err := os.ReadFile(c.path(pidFile))
	if err != nil {
		return 0
	}
	number, started, _ := strings.Cut(strings.TrimSpace(string(content)), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || started == "" || startTimeOf(pid) != started {
		return 0
	}
	return pid
}

// startTimeOf returns the start time of a process in clock ticks since boot, or "" if it does not exist or is a zombie.
func startTimeOf(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may contain spaces.
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[startTime]
}

// inNamespaces returns a command that runs in namespaces of the cluster. kinds are the flags of nsenter that select the namespaces.
func (c *cluster) inNamespaces(ctx context.Context, kinds []string, args ...string) (*exec.Cmd, error) {
	pid := c.pid()
	if pid == 0 {
		return nil, errNotRunning
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(kinds, "--target", strconv.Itoa(pid), "--"), args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd, nil
}

// ctr runs containerd's client in the cluster's namespaces. It uses the containerd namespace of Kubernetes.
func (c *cluster) ctr(ctx context.Context, args ...string) error {
	args = append([]string{filepath.Join(insideNodePrograms, "ctr"), "--namespace", "k8s.io"}, args...)
	cmd, err := c.inNamespaces(ctx, []string{"--mount", "--pid", "--net"}, args...)
	if err != nil {
		return err
	}
	return cmd.Run()
}

// load imports image archives into the node.
func (c *cluster) load(ctx context.Context, files ...string) error {
	for _, file := range files {
		archive, err := os.Open(file)
		if err != nil {
			return err
		}
		defer archive.Close()
		cmd, err := c.inNamespaces(ctx, []string{"--mount", "--pid", "--net"},
			filepath.Join(insideNodePrograms, "ctr"), "--namespace", "k8s.io", "images", "import", "-")
		if err != nil {
			return err
		}
		cmd.Stdin = archive
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("import %s: %w", file, err)
		}
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
