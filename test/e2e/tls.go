package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// tlsSecret is the Secret that cert-manager creates for the component receiver-tls.
const tlsSecret = "fastpix-receiver-tls"

// tlsOverlay is config/default with the component receiver-tls, for a cluster without cert-manager.
const tlsOverlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../config/default]
components: [../../config/components/receiver-tls]
images: [{name: fastpix-operator, newName: %q, newTag: %q}]
patches:
- target: {group: cert-manager.io}
  patch: |
    $patch: delete
    apiVersion: any
    kind: any
    metadata: {name: any}
`

// applyTLSOverlay turns on the receiver's TLS with kustomize.
func (e *e2e) applyTLSOverlay(ctx context.Context) error {
	folder := filepath.Join("bin", "e2e-tls")
	if err := os.MkdirAll(filepath.Join(e.root, folder), 0o755); err != nil {
		return err
	}
	repository, tag := e.options.repositoryAndTag()
	if err := os.WriteFile(filepath.Join(e.root, folder, "kustomization.yaml"), fmt.Appendf(nil, tlsOverlay, repository, tag), 0o644); err != nil {
		return err
	}
	return e.runDocumented(ctx, "kubectl apply -k "+folder)
}

// checkTLS lets the receiver terminate TLS itself, with a certificate that the test creates, and delivers an event to its Service over
// HTTPS.
func (e *e2e) checkTLS(ctx context.Context) (string, error) {
	if e.options.url != "" {
		return "skipped: -receiver-url is set", nil
	}
	before, err := url.Parse(e.receiver.ReceiverURL)
	if err != nil {
		return "", err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(before.Hostname(), nil, nil)
	if err != nil {
		return "", err
	}
	if err := e.client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: tlsSecret},
		Type:       corev1.SecretTypeTLS, Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key},
	}); err != nil {
		return "", err
	}
	if err := e.installation.enableTLS(ctx); err != nil {
		return "", err
	}
	if err := e.waitForRollout(ctx); err != nil {
		return "", err
	}
	address, err := e.nodePort(ctx)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	sender := &http.Client{Timeout: attemptTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer sender.CloseIdleConnections()
	const media = "11111111-2222-4333-8444-666666666666"
	body := eventAbout(media, "video.media.ready.json")
	var last error
	err = poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		last = post(ctx, sender, address+path, body, fixtures.Sign(fixtures.SigningSecret, body))
		return last == nil, nil
	})
	if err != nil {
		return "", errors.Join(err, last)
	}
	return "an event is acknowledged at " + address, e.waitUntilMirrored(ctx, &load{medias: []string{media}})
}
