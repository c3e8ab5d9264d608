// These tests check what a cluster needs before and after it runs. They do not need root. stop must not kill an unrelated process, the
// certificates must be valid, and the node and the control plane must have the same versions. make e2e tests a running cluster.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestUnrelatedProcessIsNotTheCluster(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a cluster needs Linux")
	}
	c := &cluster{dir: t.TempDir()}
	if c.pid() != 0 {
		t.Error("a cluster that was never started has a process ID")
	}
	own := startTimeOf(os.Getpid())
	for _, tc := range []struct {
		content string
		want    int
	}{
		{fmt.Sprintf("%d %s\n", os.Getpid(), own), os.Getpid()},
		{fmt.Sprintf("%d\n", os.Getpid()), 0},
		{"", 0},
		{fmt.Sprintf("%d 1%s\n", os.Getpid(), own), 0}, // a former process with the same ID
	} {
		if err := os.WriteFile(c.path(pidFile), []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.pid(); got != tc.want {
			t.Fatalf("the process ID of %q is %d, want %d", tc.content, got, tc.want)
		}
	}
	// The last content has the ID of this process, but another start time. stop must not kill this process, and must remove the folder.
	if err := c.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("the folder still exists: %v", err)
	}
}

func TestCertificatesAreSignedByTheAuthority(t *testing.T) {
	t.Parallel()
	files, err := newCertificates("127.0.0.1", nodeAddress, apiServiceAddress)
	if err != nil {
		t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(files["ca.crt"])
	for name, usage := range map[string]x509.ExtKeyUsage{"apiserver": x509.ExtKeyUsageServerAuth, "kubelet-client": x509.ExtKeyUsageClientAuth} {
		pair, err := tls.X509KeyPair(files[name+".crt"], files[name+".key"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: authority, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "apiserver" {
			for _, host := range []string{"127.0.0.1", nodeAddress, apiServiceAddress, "kubernetes.default.svc"} {
				if err := pair.Leaf.VerifyHostname(host); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestConfigurationsAreWellFormed(t *testing.T) {
	t.Parallel()
	var kubelet struct{ CgroupRoot string }
	if err := yaml.Unmarshal(fmt.Appendf(nil, kubeletConfig, "/group"), &kubelet); err != nil || kubelet.CgroupRoot != "/group" {
		t.Errorf("the kubelet's control group is %q, want /group: %v", kubelet.CgroupRoot, err)
	}
	var cni struct{ Plugins []struct{ Type string } }
	if err := yaml.Unmarshal([]byte(cniConfig), &cni); err != nil || len(cni.Plugins) != 2 {
		t.Errorf("the network has the plug-ins %v, want 2: %v", cni.Plugins, err)
	}
}

// TestNodeAndControlPlaneHaveTheSameVersions compares the modules of the node and of the control plane. If a version differs, large parts
// of Kubernetes are compiled twice. If the version of Kubernetes differs, the cluster is a combination that no user runs.
func TestNodeAndControlPlaneHaveTheSameVersions(t *testing.T) {
	t.Parallel()
	controlPlane, node := requirements(t, "../kubernetes/go.mod"), requirements(t, "../node/kubernetes/go.mod")
	if controlPlane["k8s.io/kubernetes"] == "" {
		t.Fatal("hack/kubernetes/go.mod does not require k8s.io/kubernetes")
	}
	for module, version := range node {
		if want := controlPlane[module]; want != "" && want != version {
			t.Errorf("hack/node/kubernetes has %s %s, hack/kubernetes %s", module, version, want)
		}
	}
	if node["k8s.io/kubernetes"] != controlPlane["k8s.io/kubernetes"] {
		t.Errorf("hack/node/kubernetes has Kubernetes %q, hack/kubernetes %q", node["k8s.io/kubernetes"], controlPlane["k8s.io/kubernetes"])
	}
}

var requirement = regexp.MustCompile(`(?m)^(?:\t|require )(\S+) (?:=> \S+ )?(v\S+)`)

func requirements(t *testing.T, file string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for _, found := range requirement.FindAllStringSubmatch(string(content), -1) {
		modules[found[1]] = found[2]
	}
	return modules
}
