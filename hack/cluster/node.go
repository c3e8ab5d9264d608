package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// How this program calls itself inside the namespaces.
const (
	commandInit = "init"
	commandNode = "node"
	// initArguments are the folder, the folders of programs, the control group, and the address outside.
	initArguments = 5
	// listenerDescriptor is the open socket outside: the first after the standard three.
	listenerDescriptor = 3
)

// Where things are inside the namespaces. Apart from these the programs use their own defaults, such as /var/lib/containerd.
const (
	insideDir                  = "/run/cluster"
	insideControlPlanePrograms = "/run/k8s"
	insideNodePrograms         = "/run/node"
	keyFolder                  = "/var/lib/cluster"
	pauseArchive               = "pause.tar"
)

// The cluster's network: nothing outside the namespaces sees these addresses.
const (
	nodeName      = "node"
	nodeAddress   = "172.31.255.1"
	apiServer     = nodeAddress + ":6443"
	podRange      = "10.244.0.0/24"
	serviceRange  = "10.96.0.0/16"
	serviceOfAPI  = "10.96.0.1"
	pauseImage    = "docker.io/library/fastpix-pause:dev"
	nodeInterface = "node0"
)

// node is what runs in the namespaces.
type node struct {
	cgroup  string
	outside string // address at which the API server is reached from outside
}

// runNode runs every program until one of them ends.
func runNode(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("node is started by init")
	}
	n := &node{cgroup: args[0], outside: args[1]}
	if err := os.Setenv("PATH", strings.Join([]string{insideNodePrograms, insideControlPlanePrograms, os.Getenv("PATH")}, ":")); err != nil {
		return err
	}
	ended := make(chan string)
	if err := n.start(ctx, ended); err != nil {
		fmt.Fprintln(os.Stdout, "the cluster fails:", err) // the user sees standard output only
		return err
	}
	if err := os.WriteFile(filepath.Join(insideDir, readyFile), nil, 0o600); err != nil {
		return err
	}
	os.Stdout.Close()
	return fmt.Errorf("%s ended", <-ended)
}

// start starts one program after the other and waits until pods could run.
func (n *node) start(ctx context.Context, ended chan<- string) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"the network has its addresses", n.makeNetwork},
		{"keys and configurations are written", n.writeFiles},
	}
	for _, s := range steps {
		if err := step(s.what, func() error { return s.do(ctx) }); err != nil {
			return err
		}
	}
	for _, p := range n.processes() {
		if err := step(p.Name+" runs", func() error { return p.Start(ctx) }); err != nil {
			return err
		}
		go func() {
			<-p.Exited()
			ended <- p.Name
		}()
	}
	listener, err := net.FileListener(os.NewFile(listenerDescriptor, "listener"))
	if err != nil {
		return err
	}
	go forward(listener, apiServer)
	return step("the node is ready", func() error { return n.waitReady(ctx) })
}

// makeNetwork gives the node an address that is not a loopback one, which the API server would refuse, on a bridge without ports, and a way for what is sent
// to a Service: it is sent to the address of a pod before it would leave.
func (n *node) makeNetwork(ctx context.Context) error {
	for _, args := range []string{
		"link set lo up",
		"link add " + nodeInterface + " type bridge",
		"address add " + nodeAddress + "/32 dev " + nodeInterface,
		"link set " + nodeInterface + " up",
		"route add default dev " + nodeInterface,
	} {
		if err := command(ctx, "ip", strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}

// waitReady waits until the node takes pods and namespaces have what every pod needs.
func (n *node) waitReady(ctx context.Context) error {
	const timeout = "--timeout=120s"
	kubeconfig := "--kubeconfig=" + filepath.Join(insideDir, insideKubeconfigFile)
	return errors.Join(
		command(ctx, "ctr", "--namespace", "k8s.io", "images", "import", filepath.Join(insideNodePrograms, pauseArchive)),
		command(ctx, "kubectl", kubeconfig, "wait", "--for=create", "node/"+nodeName, timeout),
		command(ctx, "kubectl", kubeconfig, "wait", "--for=condition=Ready", "node/"+nodeName, timeout),
		command(ctx, "kubectl", kubeconfig, "wait", "--for=create", "serviceaccount/default", timeout),
		command(ctx, "kubectl", kubeconfig, "wait", "--for=create", "configmap/kube-root-ca.crt", timeout),
	)
}

// command runs a program; the error holds what it printed.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// step does one thing and says how long it took.
func step(what string, do func() error) error {
	started := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("it is not so that %s: %w", what, err)
	}
	fmt.Fprintf(os.Stdout, "%6.1f s  %s\n", time.Since(started).Seconds(), what)
	return nil
}

// forward connects whoever dials the listener with an address.
func forward(listener net.Listener, to string) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			target, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer target.Close()
			go func() {
				_, _ = io.Copy(target, from)
				target.Close()
			}()
			_, _ = io.Copy(from, target)
		}()
	}
}

// healthy returns what asks a program on this machine for its health.
func healthy(url string) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // its certificate is its own, and it is on this machine
	}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}
