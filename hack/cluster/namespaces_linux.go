package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// spawn starts the first process of new namespaces and shows what it says until it says no more: the cluster is ready then, or was given up.
func (c *cluster) spawn() error {
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer outside.Close()
	// A socket belongs to the network in which it was opened: this one stays reachable from outside, whoever accepts on it.
	listener, err := outside.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer listener.Close()
	said, says, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	defer says.Close()
	log, err := os.Create(c.path(logFolder, "node.log"))
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command("/proc/self/exe", commandInit, c.dir, c.programs.controlPlane, c.programs.node, c.cgroup(), outside.Addr().String())
	cmd.Stdout, cmd.Stderr = says, log
	cmd.ExtraFiles = []*os.File{listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if c.endsWithThis {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it is no zombie when it has ended
	if err := os.WriteFile(c.path(pidFile), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, startOf(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	says.Close()
	_, err = io.Copy(os.Stdout, said)
	return err
}

// initialize is the first process of the namespaces. It lays the folders that programs use by default over those of the machine, starts the process that runs the
// node, and takes note of the end of every process that lost its parent. When it ends, the kernel ends all others.
func initialize(args []string) error {
	if len(args) != initArguments || os.Getpid() != 1 {
		return errors.New("init is started by start")
	}
	if err := mountAll(args[0], args[1], args[2]); err != nil {
		return err
	}
	node := exec.Command("/proc/self/exe", append([]string{commandNode}, args[3:]...)...)
	node.Stdout, node.Stderr = os.Stdout, os.Stderr
	node.ExtraFiles = []*os.File{os.NewFile(listenerDescriptor, "listener")}
	if err := node.Start(); err != nil {
		return err
	}
	// Whoever holds standard output open keeps start waiting.
	os.Stdout.Close()
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait for processes: %w", err)
		case pid == node.Process.Pid:
			return fmt.Errorf("the node ended with status %d", status.ExitStatus())
		}
	}
}

// mountAll changes what the namespaces see of the file system; nothing of it is seen outside.
func mountAll(dir, controlPlane, node string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// Once /run and /var/lib are laid over, the programs may be out of sight, so they get a place that never is.
	binds := []struct{ from, to string }{
		{controlPlane, filepath.Join(dir, runFolder, filepath.Base(insideControlPlanePrograms))},
		{node, filepath.Join(dir, runFolder, filepath.Base(insideNodePrograms))},
		{dir, filepath.Join(dir, runFolder, filepath.Base(insideDir))},
		{filepath.Join(dir, logFolder), "/var/log"},
		{filepath.Join(dir, libFolder), "/var/lib"},
		{filepath.Join(dir, runFolder), "/run"},
	}
	for _, b := range binds {
		if err := os.MkdirAll(b.to, 0o750); err != nil {
			return err
		}
		if err := syscall.Mount(b.from, b.to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", b.from, b.to, err)
		}
	}
	return shieldKernel()
}

// shieldKernel lays files over those settings of the kernel that a kubelet changes for the whole machine: it finds what it wants, and
// changes nothing.
func shieldKernel() error {
	for name, wanted := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join("/run", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(wanted+"\n"), 0o600); err != nil {
			return err
		}
		if err := syscall.Mount(file, filepath.Join("/proc/sys", name), "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("shield the kernel's %s: %w", name, err)
		}
	}
	return nil
}
