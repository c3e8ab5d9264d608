package controlplane

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenLifetime outlives every test; the API server would refuse less than ten minutes.
const tokenLifetime = 24 * 60 * 60

// Identity is a user that the API server authenticates.
type Identity struct {
	// Kubeconfig is a file for processes.
	Kubeconfig string
	// Config is for clients of this process; it has no client-side rate limit.
	Config *rest.Config
}

// ServiceAccount returns the identity of a ServiceAccount, with a token from the API server: it may do what config/rbac
// lets it do, and nothing else.
func (c *ControlPlane) ServiceAccount(ctx context.Context, namespace, name string) (Identity, error) {
	clientset, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return Identity{}, err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenLifetime))}}
	answer, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return Identity{}, fmt.Errorf("request token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	file := c.path(namespace + "-" + name + ".kubeconfig")
	if err := c.cluster.write(file, name, answer.Status.Token); err != nil {
		return Identity{}, err
	}
	return Identity{Kubeconfig: file, Config: c.cluster.config(answer.Status.Token)}, nil
}

// cluster is where the API server is and how to know it.
type cluster struct {
	server string
	ca     []byte
}

func (c cluster) config(token string) *rest.Config {
	return &rest.Config{
		Host: c.server, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: c.ca},
		QPS: -1, // a limit here would be mistaken for the API server's
	}
}

func (c cluster) write(file, user, token string) error {
	const name = "fastpix-operator"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: c.server, CertificateAuthorityData: c.ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write kubeconfig of %s: %w", user, err)
	}
	return nil
}
