// The cluster is a whole Kubernetes on one Linux machine, for development and for the end-to-end test: etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler, and one node with kubelet, containerd and kube-proxy. It is made of the programs in bin/k8s and bin/node, which are built from pinned Go
// modules, and of runc, iptables and iproute2; no image is pulled from anywhere.
//
// All of it runs in Linux namespaces of its own: processes, mounts and network. So it cannot collide with anything else on the machine, several can
// run at once, and the kernel itself removes every process, mount, interface and firewall rule when the first process of the namespaces ends. What is left then
// is one folder, and the control groups of the pods, which stop removes.
//
// What it is not: a cluster to be reached from elsewhere. It has no way out to a network, no DNS, and its network plug-in enforces no NetworkPolicy.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

const usage = `Usage: cluster [-dir FOLDER] COMMAND

  start              start a cluster and wait until its node is ready
  status             say whether it runs, and what runs in it
  stop               end it and remove everything it left
  load FILE...       import archives of images into its node
  ctr ARGUMENT...    run containerd's client in it
  with [-load FILE]... COMMAND...
                     start a new cluster, run a command in its network with its KUBECONFIG, and stop the cluster

`

func main() {
	// The first process of the namespaces is killed when the thread that started it ends: see spawn.
	runtime.LockOSThread()
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	dir := flag.String("dir", "", "folder of the cluster's state (default: bin/cluster-state of the module; for with, a new temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, *dir, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, args []string) error {
	if len(args) == 0 {
		flag.Usage()
		return errors.New("no command")
	}
	command, args := args[0], args[1:]
	switch command {
	case commandInit:
		return initialize(args)
	case commandNode:
		return runNode(ctx, args)
	case "with":
		return with(ctx, dir, args)
	}
	c, err := newCluster(dir)
	if err != nil {
		return err
	}
	switch command {
	case "start":
		return c.startForUser(ctx)
	case "status":
		return c.status(ctx)
	case "stop":
		return c.stop(ctx)
	case "load":
		return c.load(ctx, args...)
	case "ctr":
		return c.ctr(ctx, args...)
	}
	flag.Usage()
	return fmt.Errorf("there is no command %q", command)
}

// newCluster returns the cluster of a folder, running or not.
func newCluster(dir string) (*cluster, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = filepath.Join(filepath.Dir(programs.node), "cluster-state")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	return &cluster{dir: dir, programs: programs}, nil
}
