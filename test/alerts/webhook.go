package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	admissionreview "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// newAssets matches the creation of MediaAssets.
var newAssets = admissionv1.RuleWithOperations{
	Operations: []admissionv1.OperationType{admissionv1.Create},
	Rule:       admissionv1.Rule{APIGroups: []string{fastpixv1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"mediaassets"}},
}

// selectorOf selects a namespace by its name.
func selectorOf(namespace string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
}

// refuseByWebhook lets an admission webhook refuse new assets in a namespace with the answer 503, and waits until it does.
func (e *env) refuseByWebhook(ctx context.Context, namespace string) (allow func(context.Context) error, err error) {
	crt, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(answer503), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	webhook := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "no-mirrors-" + namespace}, Webhooks: []admissionv1.ValidatingWebhook{{
		Name: "mirrors.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionv1.SideEffectClassNone),
		ClientConfig:      admissionv1.WebhookClientConfig{URL: new("https://" + listener.Addr().String() + "/"), CABundle: crt},
		NamespaceSelector: selectorOf(namespace), Rules: []admissionv1.RuleWithOperations{newAssets},
	}}}
	if err := e.admin.Create(ctx, webhook); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return func(ctx context.Context) error { return errors.Join(e.admin.Delete(ctx, webhook), server.Close()) }, e.waitRefused(ctx, namespace)
}

// answer503 refuses what an admission review is about.
func answer503(w http.ResponseWriter, r *http.Request) {
	var review admissionreview.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionreview.AdmissionResponse{
		UID: review.Request.UID, Result: &metav1.Status{Code: http.StatusServiceUnavailable, Message: "try again later"},
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		panic(http.ErrAbortHandler) // ends the connection, which the API server counts as a refusal
	}
}
