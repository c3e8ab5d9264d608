package webhookserver

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Options are the receiver's flags.
type Options struct {
	// BindAddress is where the receiver listens for webhooks.
	BindAddress string
	// TLSCertDir holds tls.crt and tls.key. The receiver serves plain HTTP if it is empty.
	TLSCertDir string
	// ExternalURL is the URL under which FastPix reaches the receiver; empty if it is unknown.
	ExternalURL string
	// OperatorNamespace is the namespace of the journal. The function main binds its flag.
	OperatorNamespace string
	// ServiceAccount is the receiver's service account, which conditions name. Empty: that of config/rbac/receiver. The process sets it.
	ServiceAccount string
	// DrainDelay is how long the receiver accepts requests after readiness fails.
	DrainDelay time.Duration
	// MaxPendingPerEndpoint and MaxPendingTotal bound the backlog.
	MaxPendingPerEndpoint, MaxPendingTotal int64
	// MaxInFlightPerEndpoint and MaxInFlight bound the verified deliveries that wait for their commit.
	MaxInFlightPerEndpoint, MaxInFlight int
}

// BindFlags binds the options to flags and sets their defaults.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.BindAddress, "receiver-bind-address", ":8080", "Address on which the receiver listens for webhooks.")
	fs.StringVar(&o.TLSCertDir, "receiver-tls-cert-dir", "",
		"Folder with tls.crt and tls.key, which are reloaded when they change. If empty, the receiver serves plain HTTP.")
	fs.StringVar(&o.ExternalURL, "external-url", "",
		"URL under which FastPix reaches the receiver, such as https://hooks.example.com. The status of each WebhookEndpoint shows it with the path.")
	fs.DurationVar(&o.DrainDelay, "drain-delay", 5*time.Second,
		"Time between the end of readiness on SIGTERM and the end of the receiver's listener. Load balancers notice the end of readiness meanwhile.")
	fs.Int64Var(&o.MaxPendingPerEndpoint, "max-pending-events-per-endpoint", 100_000,
		"Limit of the acknowledged events of one WebhookEndpoint that wait to be mirrored. Above it, deliveries are answered 503.")
	fs.Int64Var(&o.MaxPendingTotal, "max-pending-events", 250_000,
		"Limit of the acknowledged events of all WebhookEndpoints that wait to be mirrored. Above it, deliveries are answered 503. One namespace may use half.")
	fs.IntVar(&o.MaxInFlightPerEndpoint, "max-in-flight-per-endpoint", 1024,
		"Limit of the verified deliveries of one WebhookEndpoint that wait for the journal at once. Above it, deliveries are answered 503.")
	fs.IntVar(&o.MaxInFlight, "max-in-flight", 2048, "Limit of all verified deliveries that wait for the journal at once. Above it, deliveries are answered 503.")
}

// Validate returns what is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	if o.BindAddress == "" {
		errs = append(errs, errors.New("--receiver-bind-address is empty"))
	}
	if len(validation.IsDNS1123Label(o.OperatorNamespace)) > 0 {
		errs = append(errs, fmt.Errorf("--operator-namespace %q is not the name of a namespace", o.OperatorNamespace))
	}
	if o.DrainDelay < 0 {
		errs = append(errs, errors.New("--drain-delay is negative"))
	}
	if min(o.MaxPendingPerEndpoint, o.MaxPendingTotal) < 1 || min(o.MaxInFlightPerEndpoint, o.MaxInFlight) < 1 {
		errs = append(errs, errors.New("--max-pending-events, --max-in-flight and their bounds per endpoint must be at least 1"))
	}
	if err := validateExternalURL(o.ExternalURL); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func validateExternalURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("--external-url is not a URL") // the error of the parser quotes the URL, which may hold a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("--external-url does not start with https:// or http:// and a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("--external-url has a user, a query or a fragment")
	case len(text) > 1024:
		return errors.New("--external-url has more than 1024 characters")
	}
	return nil
}
