package framework

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// StartSyncer starts a syncer that asks the management API at a URL, with the identity, the flags and the memory limit of config/syncer. It ends
// with the test. Only one syncer leads, so tests of one package that start one do not run in parallel.
func StartSyncer(t *testing.T, name, apiURL string, args ...string) *controlplane.Operator {
	t.Helper()
	flags := []string{"--receiver=false", "--controllers=false", "--syncer=true", "--leader-elect", "--fastpix-api-url=" + apiURL}
	return NewProcessWithEnv(t, name, []string{controlplane.GoMemoryLimit}, Deployed.AsSyncer, append(flags, args...)...)
}

// ServeAPI serves a fake of the management API on a loopback address until the test ends. A request that no client may send fails the test.
func ServeAPI(t *testing.T) *fastpixfake.Server {
	t.Helper()
	server, err := fastpixfake.Serve(fastpixfake.New(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Check(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// CreateAPISecret stores an access token in a namespace, and lets the syncer read it, as config/samples/syncer_role.yaml does.
func CreateAPISecret(t *testing.T, namespace, tokenID, secretKey string) {
	t.Helper()
	Create(t, tenant.APISecret(namespace, tokenID, secretKey))
	for _, o := range tenant.SecretRights(namespace, tenant.APISecretName, tenant.SyncerAccount) {
		Create(t, o)
	}
}
