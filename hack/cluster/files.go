package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
)

// identities are the users that the API server authenticates by token, with their groups. The default RBAC policy of Kubernetes authorizes
// them.
var identities = []struct{ name, user, group string }{
	{"admin", "admin", "system:masters"},
	{"kube-controller-manager", "system:kube-controller-manager", ""},
	{"kube-scheduler", "system:kube-scheduler", ""},
	{"kube-proxy", "system:kube-proxy", ""},
	{"kubelet", "system:node:" + nodeName, "system:nodes"},
}

// writeFiles writes keys, kubeconfigs and configurations. The configurations are constants, because addresses and paths are the same in
// every cluster.
func (n *node) writeFiles(context.Context) error {
	files, err := newCertificates("127.0.0.1", nodeAddress, apiServiceAddress)
	if err != nil {
		return err
	}
	if files["service-account.key"], err = keyutil.MakeEllipticPrivateKeyPEM(); err != nil {
		return err
	}
	var tokens strings.Builder
	kubeconfigs := map[string]*clientcmdapi.Config{}
	for _, i := range identities {
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, i.user, i.name, i.group)
		kubeconfigs[keyFile(i.name+".kubeconfig")] = kubeconfig("https://"+apiServer, files["ca.crt"], token)
		if i.name == "admin" {
			kubeconfigs[filepath.Join(insideDir, insideKubeconfigFile)] = kubeconfig("https://"+apiServer, files["ca.crt"], token)
			kubeconfigs[filepath.Join(insideDir, kubeconfigFile)] = kubeconfig("https://"+n.externalAddress, files["ca.crt"], token)
		}
	}
	files["tokens.csv"] = []byte(tokens.String())
	files["containerd.toml"] = []byte(containerdConfig)
	files["kubelet.yaml"] = fmt.Appendf(nil, kubeletConfig, n.cgroup)
	files["cni/bridge.conflist"] = []byte(cniConfig)
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(keyFile(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(keyFile(name), content, 0o600); err != nil {
			return err
		}
	}
	for file, config := range kubeconfigs {
		if err := clientcmd.WriteToFile(*config, file); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(server string, ca []byte, token string) *clientcmdapi.Config {
	const name = "fastpix-cluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return config
}

const containerdConfig = `version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '` + pauseImage + `'

[plugins.'io.containerd.cri.v1.runtime']
# Without this, runc fails where not even root may lower the OOM score of a process.
restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['` + insideNodePrograms + `']
conf_dir = '` + keyFolder + `/cni'
`

// kubeletConfig is a format with one argument: the control group of the pods.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication:
  x509:
    clientCAFile: ` + keyFolder + `/ca.crt
cgroupDriver: cgroupfs
cgroupRoot: %s
# Machines with cgroup v1 or with swap are allowed.
failCgroupV1: false
failSwapOn: false
resolvConf: ""
# A nearly full disk must not evict pods, and must not remove images, because they cannot be pulled again.
evictionHard:
  memory.available: 100Mi
  nodefs.available: 100Mi
  imagefs.available: 100Mi
imageGCHighThresholdPercent: 100
`

const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + podRange + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`
