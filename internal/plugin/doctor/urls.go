package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	// probeTimeout bounds the probe of one endpoint.
	probeTimeout = 10 * time.Second
	// expiresSoon is when a certificate deserves a look. cert-manager renews those of 90 days after 60 days.
	expiresSoon = 14 * 24 * time.Hour
)

// checkURLs sends the probe of FastPix's dashboard to the URL of each endpoint: an unsigned request with the body {}. It changes nothing.
func checkURLs(ctx context.Context, p *patient) []Result {
	return p.eachEndpoint(ctx, func(ctx context.Context, e *fastpixv1.WebhookEndpoint) []Result {
		switch {
		case e.Spec.PollsOnly():
			return []Result{skipped(nameOf(e), "it takes no webhooks")}
		case e.Status.URL == "":
			return []Result{warn(nameOf(e), "Set --external-url on the receiver (chart: externalURL), so that the status shows the URL to register with FastPix.", "its status has no URL")}
		case !p.probe:
			return []Result{skipped(nameOf(e), "--probe=false")}
		}
		limited, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		return p.checkURL(limited, e)
	})
}

func (p *patient) checkURL(ctx context.Context, e *fastpixv1.WebhookEndpoint) []Result {
	target, err := url.Parse(e.Status.URL)
	if err != nil || target.Hostname() == "" {
		return []Result{fail(nameOf(e), "Correct --external-url of the receiver.", "its URL %s is not one", e.Status.URL)}
	}
	if net.ParseIP(target.Hostname()) == nil {
		if _, err := p.resolver.LookupHost(ctx, target.Hostname()); err != nil {
			return []Result{unresolved(e, target.Hostname(), err)}
		}
	}
	var results []Result
	if target.Scheme != "https" {
		results = append(results, warn(nameOf(e), "Serve the URL by HTTPS, so that nobody reads what FastPix sends.", "its URL %s is not HTTPS", e.Status.URL))
	}
	return append(results, p.probeURL(ctx, e, target)...)
}

// unresolved is the result of a host that has no address here. Only an answer of DNS proves that the record is missing.
func unresolved(e *fastpixv1.WebhookEndpoint, host string, err error) Result {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return warn(nameOf(e), "Look at the DNS of this machine.", "%s could not be looked up from here: %v", host, err)
	case !dns.IsNotFound:
		return warn(nameOf(e), "Look at the DNS of this machine.", "%s could not be looked up from here: %s", host, dns.Err)
	}
	return fail(nameOf(e), "Create the DNS record of "+host+" that leads to your ingress.", "DNS does not know %s: %s", host, dns.Err)
}

// probeURL posts the probe.
func (p *patient) probeURL(ctx context.Context, e *fastpixv1.WebhookEndpoint, target *url.URL) []Result {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader("{}"))
	if err != nil {
		return []Result{fail(nameOf(e), "Correct --external-url of the receiver.", "its URL %s is not one", e.Status.URL)}
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: p.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return []Result{unreachable(e, err)}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	return append(p.certificate(e, response.TLS), answer(e, response))
}

// unreachable is the result of a probe without an answer.
func unreachable(e *fastpixv1.WebhookEndpoint, err error) Result {
	var unverified *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unverified):
		return fail(nameOf(e), "Give the ingress a certificate of a public authority for this name.", "TLS of %s: %v", e.Status.URL, unverified.Err)
	case errors.As(err, &record):
		return fail(nameOf(e), "Turn on TLS at the ingress, or correct --external-url.", "%s does not speak TLS", e.Status.URL)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return warn(nameOf(e), "If FastPix cannot reach it either, look at the ingress, the load balancer and firewalls.", "%s is not reachable from here: %v", e.Status.URL, err)
}

// certificate warns of a certificate that expires soon.
func (p *patient) certificate(e *fastpixv1.WebhookEndpoint, state *tls.ConnectionState) []Result {
	if state == nil {
		return nil
	}
	leaf := state.PeerCertificates[0]
	if left := leaf.NotAfter.Sub(p.Now()); left < expiresSoon {
		return []Result{warn(nameOf(e), "Renew the certificate; cert-manager does it by itself.", "the certificate of %s expires at %s", names(leaf), leaf.NotAfter.UTC().Format(time.RFC3339))}
	}
	return nil
}

func names(c *x509.Certificate) string { return strings.Join(c.DNSNames, ", ") }

// answer is the result of a probe that was answered.
func answer(e *fastpixv1.WebhookEndpoint, response *http.Response) Result {
	got := fmt.Sprintf("%s answers the probe with %s", e.Status.URL, response.Status)
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		return pass(nameOf(e), "%s", got)
	case code == http.StatusNotFound:
		return fail(nameOf(e), "The request reaches another server, or a receiver that does not know the endpoint: look at the rules of the ingress.", "%s", got)
	case code >= 300 && code < 400:
		return fail(nameOf(e), "FastPix may not follow the redirect: serve the URL itself, without a log-in and without a redirect to HTTPS.", "%s", got)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fail(nameOf(e), "Something in front of the receiver asks for a log-in, because the receiver answers probes with 200: let FastPix pass.", "%s", got)
	}
	return fail(nameOf(e), "Look at the ingress, then at the pods and the log of the receiver.", "%s", got)
}
