package framework

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// StartSyncer starts a syncer that asks the management API at a URL, with the identity, the flags and the memory limit of config/syncer. It ends
// with the test. Only one syncer leads, so tests of one package that start one do not run in parallel.
func StartSyncer(t *testing.T, name, apiURL string, args ...string) *controlplane.Operator {
	t.Helper()
	flags := []string{"--receiver=false", "--controllers=false", "--syncer=true", "--leader-elect", "--fastpix-api-url=" + apiURL}
	return NewProcessWithEnv(t, name, []string{controlplane.GoMemoryLimit}, Deployed.AsSyncer, append(flags, args...)...)
}

// CreateAPISecret stores an access token in a namespace, and lets the syncer read it, as config/samples/syncer_role.yaml does.
func CreateAPISecret(t *testing.T, namespace, tokenID, secretKey string) {
	t.Helper()
	Create(t, tenant.APISecret(namespace, tokenID, secretKey))
	for _, o := range tenant.SecretRights(namespace, tenant.APISecretName, tenant.SyncerAccount) {
		Create(t, o)
	}
}
