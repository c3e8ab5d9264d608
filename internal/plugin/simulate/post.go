package simulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// postTimeout is longer than the receiver takes to answer.
const postTimeout = 15 * time.Second

// target is where an event is posted to.
type target struct {
	url string
	// shown is the URL for people: the port of a port-forward means nothing after the command.
	shown string
	http  *http.Client
	close func()
}

// target returns the URL that the user named, or the beginning of a port-forward to a receiver.
func (o *options) target(ctx context.Context, c client.Client, e *fastpixv1.WebhookEndpoint) (*target, error) {
	path := "/webhooks/" + e.Namespace + "/" + e.Name
	if o.url == "" {
		return o.forward(ctx, c, path)
	}
	to, err := parseURL(o.url)
	if err != nil {
		return nil, err
	}
	if to.Path == "" || to.Path == "/" {
		to.Path = path
	}
	return &target{url: to.String(), shown: to.Redacted(), http: clientOf(nil), close: func() {}}, nil
}

// parseURL reads the value of --url. It may hold a password, so the error does not quote it.
func parseURL(text string) (*url.URL, error) {
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, cli.Usagef("the value of --url is no URL of HTTP or HTTPS")
	}
	return to, nil
}

// clientOf returns a client that follows no redirects, as a delivery must not depend on one.
func clientOf(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout: postTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post posts a signed body, and returns the answer if it is 200.
func (t *target) post(ctx context.Context, body []byte, signed string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(signature.Header, signed)
	response, err := t.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	if response.StatusCode == http.StatusOK {
		return response.Status, nil
	}
	return "", fmt.Errorf("%s answers %s: %s", t.shown, response.Status, meaning(response.StatusCode))
}

// meaning says what an answer means.
func meaning(code int) string {
	switch {
	case code == http.StatusUnauthorized:
		return "the endpoint does not accept this signing secret. If the Secret was changed just now, try again in 20 seconds"
	case code == http.StatusNotFound:
		return "there is no such endpoint behind this URL"
	case code == http.StatusServiceUnavailable:
		return "the receiver asks to send the event again later. docs/operations.md#results-of-deliveries says why; kubectl fastpix doctor may, too"
	case code >= 300 && code < 400:
		return "FastPix may not follow the redirect"
	}
	return "this is not an answer of the receiver to a right event; look at what is in front of it"
}
