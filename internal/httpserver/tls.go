package httpserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"strings"

	"k8s.io/client-go/util/cert"
)

// TLSConfig is what every port that speaks TLS agrees to: TLS 1.2 or later, suites that encrypt and authenticate in one step, HTTP/1.1.
// docs/adr/0021 says why no HTTP/2.
func TLSConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites(), NextProtos: []string{"http/1.1"}, GetCertificate: certificate,
	}
}

// cipherSuites are those of TLS 1.2 without CBC; TLS 1.3 has no others.
func cipherSuites() []uint16 {
	var ids []uint16
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// SelfSigned makes a certificate for localhost, for clients that do not check it. Its key is of the kind with which a handshake costs
// least.
func SelfSigned() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	signed, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "localhost"}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	c := &tls.Certificate{Certificate: [][]byte{signed.Raw}, PrivateKey: key, Leaf: signed}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }, nil
}
