// Command cluster runs a complete Kubernetes cluster on one Linux machine, for development and for the end-to-end test: etcd,
// kube-apiserver, kube-controller-manager and kube-scheduler, and one node with kubelet, containerd and kube-proxy. It uses the programs in
// bin/k8s and bin/node, which are built from pinned Go modules, and runc, iptables and iproute2. It pulls no images.
//
// The cluster runs in Linux namespaces of its own for processes, mounts and network. Therefore it does not conflict with other programs,
// and several clusters can run at once. When the first process of the namespaces ends, the kernel removes all processes, mounts, interfaces
// and firewall rules. Only the state folder and the control groups of the pods remain; the command stop removes them.
//
// Other machines cannot reach the cluster. It has no connection to other networks and no DNS, and its network plug-in does not enforce
// NetworkPolicies.
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
  status             show whether the cluster runs, and its nodes and pods
  stop               stop the cluster and remove all its files
  load FILE...       import image archives into the node
  restore SNAPSHOT   replace the content of etcd by a snapshot of etcdctl
  ctr ARGUMENT...    run containerd's client in the cluster
  with [-load FILE]... COMMAND...
                     start a new cluster, run a command in its network with its KUBECONFIG, and stop the cluster

`

func main() {
	// With Pdeathsig, the kernel kills the first process of the namespaces when the thread that started it ends: see startNamespaces.
	runtime.LockOSThread()
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	dir := flag.String("dir", "", "state folder of the cluster (default: bin/cluster-state of the module, or a new temporary folder for the command \"with\")")
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
		return errors.New("a command is missing")
	}
	command, args := args[0], args[1:]
	switch command {
	case commandInit:
		return runInit(args)
	case commandNode:
		return runNode(ctx, args)
	case "with":
		return runWith(ctx, dir, args)
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
	case "restore":
		if len(args) != 1 {
			return errors.New("restore needs one snapshot")
		}
		return c.restore(ctx, args[0])
	case "ctr":
		return c.ctr(ctx, args...)
	}
	flag.Usage()
	return fmt.Errorf("unknown command %q", command)
}

// newCluster returns the cluster with a state folder, running or not.
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
