package controlplane

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// auditPolicy logs who did what to which resource, and no bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// advertiseAddress is a documentation address: the API server refuses a loopback one, and would otherwise look for a
// network that a laptop on a train does not have. Nobody dials it.
const advertiseAddress = "192.0.2.1"

func (c *ControlPlane) prepareAPIServer(o Options) error {
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	keys, err := c.writeKeys(host)
	if err != nil {
		return err
	}
	c.cluster = cluster{server: "https://" + address, ca: keys.cert}
	c.admin = c.cluster.config(keys.adminToken)
	c.Kubeconfig = c.path("admin.kubeconfig")
	if err := c.cluster.write(c.Kubeconfig, "admin", keys.adminToken); err != nil {
		return err
	}
	args := []string{
		"--bind-address=" + host,
		"--secure-port=" + port,
		"--advertise-address=" + advertiseAddress,
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + c.etcdURL,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--cert-dir=" + c.path("apiserver"),
		"--tls-cert-file=" + c.path("apiserver", "tls.crt"),
		"--tls-private-key-file=" + c.path("apiserver", "tls.key"),
		"--token-auth-file=" + c.path("apiserver", "tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("apiserver", "service-account.key"),
		"--service-account-signing-key-file=" + c.path("apiserver", "service-account.key"),
	}
	if o.Audit {
		c.AuditLog = c.path("logs", "audit.log")
		if err := os.WriteFile(c.path("apiserver", "audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
			return err
		}
		args = append(args, "--audit-policy-file="+c.path("apiserver", "audit.yaml"), "--audit-log-path="+c.AuditLog)
	}
	c.APIServer = &process.Process{
		Name: "kube-apiserver", Path: filepath.Join(c.assets, "kube-apiserver"), Args: append(args, o.APIServerArgs...),
		Log: filepath.Join(c.LogDir(), "kube-apiserver.log"),
	}
	c.APIServer.Ready, err = c.readyz()
	return err
}

func (c *ControlPlane) readyz() (func(context.Context) error, error) {
	client, err := rest.HTTPClientFor(c.admin)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := getOK(ctx, client, c.cluster.server+"/readyz")
		if err != nil {
			// A connection to a server that was killed may hang rather than fail.
			client.CloseIdleConnections()
		}
		return err
	}, nil
}

type keys struct {
	cert       []byte
	adminToken string
}

// writeKeys makes the API server's certificate, the key that signs ServiceAccount tokens, and an administrator's token.
func (c *ControlPlane) writeKeys(host string) (keys, error) {
	crt, key, err := cert.GenerateSelfSignedCertKey(host, nil, []string{"localhost"})
	if err != nil {
		return keys{}, err
	}
	serviceAccountKey, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return keys{}, err
	}
	token := rand.Text()
	if err := os.MkdirAll(c.path("apiserver"), 0o700); err != nil {
		return keys{}, err
	}
	for name, content := range map[string][]byte{
		"tls.crt":             crt,
		"tls.key":             key,
		"service-account.key": serviceAccountKey,
		"tokens.csv":          []byte(token + ",admin,admin,system:masters\n"),
	} {
		if err := os.WriteFile(c.path("apiserver", name), content, 0o600); err != nil {
			return keys{}, err
		}
	}
	return keys{cert: crt, adminToken: token}, nil
}
