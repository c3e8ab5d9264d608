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
	// BindAddress is where webhooks are received.
	BindAddress string
	// TLSCertDir holds tls.crt and tls.key; plain HTTP is served when it is empty.
	TLSCertDir string
	// ExternalURL is the URL under which FastPix reaches the receiver, if it is known.
	ExternalURL string
	// OperatorNamespace is where the journal lives; main binds its flag.
	OperatorNamespace string
	// DrainDelay is how long requests are still taken after readiness fails.
	DrainDelay time.Duration
	// MaxPendingPerEndpoint and MaxPendingTotal bound the backlog.
	MaxPendingPerEndpoint, MaxPendingTotal int64
	// MaxInFlightPerEndpoint and MaxInFlight bound the verified deliveries that wait for their commit.
	MaxInFlightPerEndpoint, MaxInFlight int
}

// BindFlags binds the options to flags and sets their defaults.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.BindAddress, "receiver-bind-address", ":8080", "Where webhooks are received.")
	fs.StringVar(&o.TLSCertDir, "receiver-tls-cert-dir", "",
		"Folder of tls.crt and tls.key, reloaded when they change; webhooks are received by plain HTTP when empty.")
	fs.StringVar(&o.ExternalURL, "external-url", "",
		"URL under which FastPix reaches the receiver, such as https://hooks.example.com; shown in the status of WebhookEndpoints.")
	fs.DurationVar(&o.DrainDelay, "drain-delay", 5*time.Second,
		"On SIGTERM readiness fails, then this passes before the receiver stops taking requests.")
	fs.Int64Var(&o.MaxPendingPerEndpoint, "max-pending-events-per-endpoint", 100_000,
		"Acknowledged and not yet mirrored events of one WebhookEndpoint above which its deliveries are answered 503.")
	fs.Int64Var(&o.MaxPendingTotal, "max-pending-events", 250_000,
		"Acknowledged and not yet mirrored events of all WebhookEndpoints above which deliveries are answered 503; a namespace may have half.")
	fs.IntVar(&o.MaxInFlightPerEndpoint, "max-in-flight-per-endpoint", 1024,
		"Verified deliveries of one WebhookEndpoint that may wait for the journal at once.")
	fs.IntVar(&o.MaxInFlight, "max-in-flight", 2048, "Verified deliveries that may wait for the journal at once.")
}

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	if o.BindAddress == "" {
		errs = append(errs, errors.New("--receiver-bind-address is empty"))
	}
	if len(validation.IsDNS1123Label(o.OperatorNamespace)) > 0 {
		errs = append(errs, fmt.Errorf("--operator-namespace %q is no name of a namespace", o.OperatorNamespace))
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
		return errors.New("--external-url is no URL") // the parser's error quotes it, and it might hold a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("--external-url does not start with https:// or http:// and a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("--external-url has a user, a query or a fragment")
	case len(text) > 1024:
		return errors.New("--external-url has more than 1024 characters")
	}
	return nil
}
