package workload

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// Tenant is a namespace with one endpoint. Each burst about new media has its own, so that its mirrors can be distinguished.
type Tenant struct{ Namespace string }

// secret is the tenant's own signing secret, as FastPix gives each webhook one.
func (t Tenant) secret() string {
	key := sha256.Sum256([]byte(t.Namespace))
	return base64.StdEncoding.EncodeToString(key[:])
}

// Objects are what config/samples creates for a tenant.
func (t Tenant) Objects() []client.Object {
	secret := tenant.SigningSecret(t.Namespace, t.secret())
	return append(tenant.SecretRights(t.Namespace, secret.Name, tenant.ReceiverAccount), secret, tenant.Endpoint(t.Namespace))
}

// Request returns the bytes of a signed POST of a body to the tenant's endpoint.
func (t Tenant) request(body []byte) []byte {
	b := make([]byte, 0, len(body)+256)
	b = fmt.Appendf(b, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nFastPix-Signature: %s\r\nContent-Length: ",
		tenant.Path(t.Namespace), fixtures.Sign(t.secret(), body))
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}
