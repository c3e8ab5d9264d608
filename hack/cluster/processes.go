package main

import (
	"context"
	"net"
	"path/filepath"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// processes returns the programs of the cluster in the order in which they start.
func (n *node) processes() []*process.Process {
	containerdSocket := "/run/containerd/containerd.sock"
	return []*process.Process{
		newProcess(insideControlPlanePrograms, "etcd", checkHTTP("http://127.0.0.1:2379/health"),
			"--data-dir=/var/lib/etcd",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--log-level=warn"),
		newProcess(insideControlPlanePrograms, "kube-apiserver", checkHTTP("https://"+apiServer+"/readyz"),
			"--bind-address="+nodeAddress, "--advertise-address="+nodeAddress,
			"--etcd-servers=http://127.0.0.1:2379",
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--service-cluster-ip-range="+serviceRange,
			"--cert-dir="+keyFolder,
			"--client-ca-file="+keyFile("ca.crt"),
			"--tls-cert-file="+keyFile("apiserver.crt"), "--tls-private-key-file="+keyFile("apiserver.key"),
			"--token-auth-file="+keyFile("tokens.csv"),
			"--kubelet-client-certificate="+keyFile("kubelet-client.crt"), "--kubelet-client-key="+keyFile("kubelet-client.key"),
			// DNS does not know the name of the node.
			"--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file="+keyFile("service-account.key"), "--service-account-signing-key-file="+keyFile("service-account.key")),
		newProcess(insideNodePrograms, "containerd", checkDial("unix", containerdSocket), "--config="+keyFile("containerd.toml")),
		newProcess(insideNodePrograms, "kube-controller-manager", checkHTTP("https://127.0.0.1:10257/healthz"),
			"--kubeconfig="+keyFile("kube-controller-manager.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
			"--use-service-account-credentials", "--root-ca-file="+keyFile("ca.crt"),
			"--service-account-private-key-file="+keyFile("service-account.key")),
		newProcess(insideNodePrograms, "kube-scheduler", checkHTTP("https://127.0.0.1:10259/healthz"),
			"--kubeconfig="+keyFile("kube-scheduler.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false"),
		newProcess(insideNodePrograms, "kubelet", checkHTTP("http://127.0.0.1:10248/healthz"),
			"--kubeconfig="+keyFile("kubelet.kubeconfig"), "--config="+keyFile("kubelet.yaml"),
			"--hostname-override="+nodeName, "--node-ip="+nodeAddress),
		newProcess(insideNodePrograms, "kube-proxy", checkHTTP("http://127.0.0.1:10256/healthz"),
			"--kubeconfig="+keyFile("kube-proxy.kubeconfig"), "--hostname-override="+nodeName,
			"--proxy-mode=iptables", "--cluster-cidr="+podRange,
			// The conntrack table belongs to the whole machine: do not change its size.
			"--conntrack-max-per-core=0",
			// Log when it receives an endpoint and when it changes the rules.
			"--v=4"),
	}
}

func newProcess(folder, name string, ready func(context.Context) error, args ...string) *process.Process {
	return &process.Process{
		Name: name, Path: filepath.Join(folder, name), Args: args, Log: filepath.Join("/var/log", name+".log"), Ready: ready,
	}
}

func checkDial(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
}

func keyFile(name string) string { return filepath.Join(keyFolder, name) }
