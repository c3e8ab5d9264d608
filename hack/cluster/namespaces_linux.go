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

// startNamespaces starts the first process of new namespaces, and prints its output until the output is closed. Then the cluster is ready,
// or its start failed.
func (c *cluster) startNamespaces() error {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer tcp.Close()
	// A socket stays in the network namespace that opened it. Therefore this one is reachable from outside, although a process inside accepts
	// its connections.
	listener, err := tcp.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer listener.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	defer writer.Close()
	log, err := os.Create(c.path(logFolder, "node.log"))
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command("/proc/self/exe", commandInit, c.dir, c.programs.controlPlane, c.programs.node, c.cgroup(), tcp.Addr().String())
	cmd.Stdout, cmd.Stderr = writer, log
	cmd.ExtraFiles = []*os.File{listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if c.killedWithParent {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("create namespaces: %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it does not become a zombie
	if err := os.WriteFile(c.path(pidFile), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, startTimeOf(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	writer.Close()
	_, err = io.Copy(os.Stdout, reader)
	return err
}

// runInit is the first process of the namespaces. It mounts the folders of the cluster over the default folders of the programs, starts the
// process that runs the node, and reaps orphaned processes. When it ends, the kernel kills all other processes in the namespaces.
func runInit(args []string) error {
	if len(args) != initArguments || os.Getpid() != 1 {
		return errors.New("init is an internal command: use start")
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
	// startNamespaces waits until all processes have closed standard output.
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

// mountAll mounts the folders of the cluster. The mounts are visible only inside the namespaces.
func mountAll(dir, controlPlane, node string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// The mounts on /run and /var/lib may hide the folders of the programs. Therefore these are mounted below /run first.
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
	return protectKernelSettings()
}

// protectKernelSettings mounts files over the kernel settings that a kubelet changes for the whole machine. The files have the values that
// the kubelet expects, so it changes nothing.
func protectKernelSettings() error {
	for name, wanted := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join("/run", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(wanted+"\n"), 0o600); err != nil {
			return err
		}
		if err := syscall.Mount(file, filepath.Join("/proc/sys", name), "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("protect the kernel setting %s: %w", name, err)
		}
	}
	return nil
}
