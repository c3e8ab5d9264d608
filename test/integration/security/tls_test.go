package security

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestUnauthenticatedClientsByTLS protects what the receiver and the port of metrics agree to: one configuration of TLS for both.
func TestUnauthenticatedClientsByTLS(t *testing.T) {
	t.Parallel()
	r := framework.StartReceiver(t, "tls")
	for _, address := range []string{r.Address, strings.TrimPrefix(r.MetricsURL, "https://")} {
		for name, tt := range map[string]struct {
			change func(*tls.Config)
			ok     bool
		}{
			"TLS 1.3":                 {func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
			"TLS 1.2":                 {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
			"TLS 1.1":                 {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
			"GCM":                     {only(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), true},
			"CBC":                     {only(cbc...), false},
			"no forward secrecy":      {only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384), false},
			"RC4 and 3DES":            {only(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), false},
			"another name":            {func(c *tls.Config) { c.ServerName = "evil.example" }, true},
			"HTTP/2":                  {func(c *tls.Config) { c.NextProtos = []string{"h2"} }, false},
			"HTTP/2 or 1.1":           {func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, true},
			"a protocol of no server": {func(c *tls.Config) { c.NextProtos = []string{"visitor\n"} }, false},
		} {
			config := r.TLS.Clone()
			config.MinVersion = tls.VersionTLS10
			tt.change(config)
			conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
			if (err == nil) != tt.ok {
				t.Errorf("%s: %s agreed: %t, want %t (%v)", name, address, err == nil, tt.ok, err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer, _ := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.0 400 ") {
			t.Errorf("plain HTTP is answered %q", answer)
		}
	}
	checkNewCertificate(t, r)
}

// checkNewCertificate replaces the certificate and waits until it is shown.
func checkNewCertificate(t *testing.T, r *framework.Receiver) {
	t.Helper()
	shown := func() (serial string, err error) {
		conn, err := r.Dial(t.Context(), "http/1.1")
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
	}
	first, err := shown()
	if err != nil {
		t.Fatal(err)
	}
	framework.WriteCertificate(t, r.CertificateDir)
	framework.Eventually(t, "the new certificate is shown, without a restart", func(context.Context) error {
		serial, err := shown()
		if err == nil && serial == first {
			err = fmt.Errorf("it is still %s", serial)
		}
		return err
	})
}

// cbc are suites that suit both kinds of keys that a certificate may have.
var cbc = []uint16{
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
}

func only(suites ...uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suites }
}
