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

// The state folder of a cluster, as its user sees it.
const (
	// The node's own view is elsewhere: see initialize.
	runFolder = "run" // /run
	libFolder = "lib" // /var/lib
	logFolder = "log" // /var/log, with one log for each program

	// kubeconfigFile is for programs anywhere on this machine, insideKubeconfigFile for those in the cluster's network.
	kubeconfigFile       = "kubeconfig"
	insideKubeconfigFile = "inside.kubeconfig"

	pidFile   = "init.pid"
	readyFile = "ready"
)

const killTimeout = 30 * time.Second

// cluster is a cluster by its state folder, running or not.
type cluster struct {
	dir      string
	programs programs
	// endsWithThis lets the kernel end the cluster when this process ends, however it does.
	endsWithThis bool
}

func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// start starts the cluster and waits until it is ready. Whatever it returns, nothing is left on an error but the logs.
func (c *cluster) start(ctx context.Context) error {
	if err := checkMachine(); err != nil {
		return err
	}
	if pid := c.pid(); pid != 0 {
		return fmt.Errorf("a cluster of this folder runs already, as process %d", pid)
	}
	if err := c.stop(ctx); err != nil { // what a machine that went down left
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
	release := context.AfterFunc(ctx, func() { _ = c.kill(ctx) }) // what it leaves is removed below
	defer release()
	if err := c.spawn(); err != nil {
		return errors.Join(err, c.kill(ctx), removeCgroup(ctx, c.cgroup()))
	}
	if _, err := os.Stat(c.path(readyFile)); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("the cluster did not become ready; its logs are in %s, and cluster stop removes them", c.path(logFolder)),
			c.kill(ctx), removeCgroup(ctx, c.cgroup()))
	}
	fmt.Printf("%6.1f s  the cluster is ready\n", time.Since(started).Seconds())
	return nil
}

// stop kills the first process of the namespaces, and with it the kernel ends everything else in them; then it removes what is left.
func (c *cluster) stop(ctx context.Context) error {
	if err := c.kill(ctx); err != nil {
		return err
	}
	return errors.Join(removeCgroup(ctx, c.cgroup()), os.RemoveAll(c.dir))
}

// kill goes on when its context has ended: what was started must end.
func (c *cluster) kill(ctx context.Context) error {
	pid := c.pid()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	err := wait.PollUntilContextTimeout(context.WithoutCancel(ctx), 20*time.Millisecond, killTimeout, true, func(context.Context) (bool, error) {
		return c.pid() == 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the end of process %d: %w", pid, err)
	}
	return nil
}

// pid returns the first process of the cluster's namespaces, or 0 if it does not run. The time of its start tells it from another process
// that was given the same number later.
func (c *cluster) pid() int {
	content, err := os.ReadFile(c.path(pidFile))
	if err != nil {
		return 0
	}
	number, started, _ := strings.Cut(strings.TrimSpace(string(content)), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || started == "" || startOf(pid) != started {
		return 0
	}
	return pid
}

// startOf returns when a process started, in ticks since the machine did, or "" if it is gone or a zombie.
func startOf(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold spaces.
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[startTime]
}

// inNamespaces returns a command that runs in namespaces of the cluster; kinds are flags of nsenter.
func (c *cluster) inNamespaces(ctx context.Context, kinds []string, args ...string) (*exec.Cmd, error) {
	pid := c.pid()
	if pid == 0 {
		return nil, errNotRunning
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(kinds, "--target", strconv.Itoa(pid), "--"), args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd, nil
}

// ctr runs containerd's client in the cluster's namespaces, for the images and containers of Kubernetes.
func (c *cluster) ctr(ctx context.Context, args ...string) error {
	args = append([]string{filepath.Join(insideNodePrograms, "ctr"), "--namespace", "k8s.io"}, args...)
	cmd, err := c.inNamespaces(ctx, []string{"--mount", "--pid", "--net"}, args...)
	if err != nil {
		return err
	}
	return cmd.Run()
}

// load imports archives of images.
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
