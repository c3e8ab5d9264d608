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

// TLSConfig returns the configuration of every TLS port: TLS 1.2 or later, suites with authenticated encryption, HTTP/1.1. docs/adr/0021 says why HTTP/2
// is off.
func TLSConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites(), NextProtos: []string{"http/1.1"}, GetCertificate: certificate,
	}
}

// cipherSuites returns the suites of TLS 1.2 without CBC. TLS 1.3 has no suites with CBC.
func cipherSuites() []uint16 {
	var ids []uint16
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// SelfSigned returns a certificate for localhost, for clients that do not verify it. A handshake with its type of key costs least.
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
