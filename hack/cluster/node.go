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
	"sync/atomic"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// Commands with which this program starts itself inside the namespaces.
const (
	commandInit = "init"
	commandNode = "node"
	// initArguments is the number of arguments of init: the state folder, two folders of programs, the control group, and the external
	// address.
	initArguments = 5
	// listenerDescriptor is the file descriptor of the socket for connections from outside: the first one after the standard streams.
	listenerDescriptor = 3
)

// Paths inside the namespaces. For all other paths the programs use their defaults, such as /var/lib/containerd.
const (
	insideDir                  = "/run/cluster"
	insideControlPlanePrograms = "/run/k8s"
	insideNodePrograms         = "/run/node"
	keyFolder                  = "/var/lib/cluster"
	pauseArchive               = "pause.tar"
)

// The network of the cluster. These addresses are visible only inside the namespaces.
const (
	nodeName          = "node"
	nodeAddress       = "172.31.255.1"
	apiServer         = nodeAddress + ":6443"
	podRange          = "10.244.0.0/24"
	serviceRange      = "10.96.0.0/16"
	apiServiceAddress = "10.96.0.1"
	pauseImage        = "docker.io/library/fastpix-pause:dev"
	nodeInterface     = "node0"
)

// node is the control plane and the node of a cluster, inside the namespaces.
type node struct {
	cgroup          string
	externalAddress string // address of the API server for programs outside
	// restoring is true while etcd and the API server are stopped on purpose. ended receives the names of programs that end otherwise.
	restoring atomic.Bool
	ended     chan<- string
}

// runNode starts all programs and returns when one of them ends.
func runNode(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("node is an internal command: use start")
	}
	n := &node{cgroup: args[0], externalAddress: args[1]}
	if err := os.Setenv("PATH", strings.Join([]string{insideNodePrograms, insideControlPlanePrograms, os.Getenv("PATH")}, ":")); err != nil {
		return err
	}
	ended := make(chan string)
	if err := n.start(ctx, ended); err != nil {
		fmt.Fprintln(os.Stdout, "the start of the cluster failed:", err) // the user sees only standard output
		return err
	}
	if err := os.WriteFile(filepath.Join(insideDir, readyFile), nil, 0o600); err != nil {
		return err
	}
	os.Stdout.Close()
	return fmt.Errorf("%s ended", <-ended)
}

// start starts the programs in order and waits until pods can run.
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
	n.ended = ended
	processes := n.processes()
	for _, p := range processes {
		if err := step(p.Name+" runs", func() error { return n.run(ctx, p) }); err != nil {
			return err
		}
	}
	go n.serveRestores(context.WithoutCancel(ctx), processes)
	listener, err := net.FileListener(os.NewFile(listenerDescriptor, "listener"))
	if err != nil {
		return err
	}
	go forward(listener, apiServer)
	return step("the node is ready", func() error { return n.waitReady(ctx) })
}

// run starts a program and watches whether it ends.
func (n *node) run(ctx context.Context, p *process.Process) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	exited := p.Exited()
	go func() {
		<-exited
		if !n.restoring.Load() {
			n.ended <- p.Name
		}
	}()
	return nil
}

// makeNetwork creates a bridge without ports and gives it the address of the node, because the API server refuses a loopback address. It
// adds a default route, so that the kernel accepts packets to a Service; kube-proxy's rules change their destination to a pod before they
// leave.
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

// waitReady waits until the node is ready, and until the namespace default has the objects that every pod needs.
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

// command runs a program. An error contains its output.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// step runs a function, and prints what was done and how long it took.
func step(what string, do func() error) error {
	started := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("step %q: %w", what, err)
	}
	fmt.Fprintf(os.Stdout, "%6.1f s  %s\n", time.Since(started).Seconds(), what)
	return nil
}

// forward forwards the connections of a listener to an address.
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

// checkHTTP returns a function that checks the health endpoint of a program on this machine.
func checkHTTP(url string) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // self-signed certificates, on this machine
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
