// These tests protect what can go wrong before and after a cluster runs, and need no root: that an unrelated process is never taken for the cluster, that keys fit
// together, and that one Kubernetes is built and not two. That it runs at all is what make e2e shows.
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

func TestOnlyItsOwnProcessIsTheCluster(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a cluster needs Linux")
	}
	c := &cluster{dir: t.TempDir()}
	if c.pid() != 0 {
		t.Error("a cluster that was never started runs")
	}
	own := startOf(os.Getpid())
	for _, tc := range []struct {
		content string
		want    int
	}{
		{fmt.Sprintf("%d %s\n", os.Getpid(), own), os.Getpid()},
		{fmt.Sprintf("%d\n", os.Getpid()), 0},
		{"", 0},
		{fmt.Sprintf("%d 1%s\n", os.Getpid(), own), 0}, // another process had the number once
	} {
		if err := os.WriteFile(c.path(pidFile), []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.pid(); got != tc.want {
			t.Fatalf("%q is process %d, want %d", tc.content, got, tc.want)
		}
	}
	// The last content names an unrelated process, here this one: stop must not end it, and must remove the folder.
	if err := c.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestCertificatesFitTogether(t *testing.T) {
	t.Parallel()
	files, err := newCertificates("127.0.0.1", nodeAddress, serviceOfAPI)
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
			for _, host := range []string{"127.0.0.1", nodeAddress, serviceOfAPI, "kubernetes.default.svc"} {
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
		t.Errorf("the kubelet's control group is %q: %v", kubelet.CgroupRoot, err)
	}
	var cni struct{ Plugins []struct{ Type string } }
	if err := yaml.Unmarshal([]byte(cniConfig), &cni); err != nil || len(cni.Plugins) != 2 {
		t.Errorf("the network has the plug-ins %v: %v", cni.Plugins, err)
	}
}

// TestNodeAndControlPlaneAreOneKubernetes compares the modules that both are built from: another version of any would compile half of Kubernetes twice, and another
// version of Kubernetes would test a combination without users.
func TestNodeAndControlPlaneAreOneKubernetes(t *testing.T) {
	t.Parallel()
	controlPlane, node := requirements(t, "../kubernetes/go.mod"), requirements(t, "../node/kubernetes/go.mod")
	if controlPlane["k8s.io/kubernetes"] == "" {
		t.Fatal("hack/kubernetes/go.mod does not name k8s.io/kubernetes")
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
