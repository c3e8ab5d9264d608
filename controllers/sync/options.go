package sync

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
)

// Options are the options of the syncer.
type Options struct {
	// OperatorNamespace is the namespace of the journal. The process sets it.
	OperatorNamespace string
	// ServiceAccount is the syncer's service account, which conditions name. Empty: that of config/rbac/syncer. The process sets it.
	ServiceAccount string
	// APIURL is the URL of FastPix's management API with its version.
	APIURL string
	// Rate is the number of requests a second with one set of credentials.
	Rate float64
	// MaxPending is the bound of the backlog of one endpoint. The process sets it to the receiver's.
	MaxPending int64
	// Grace is how long a webhook may be on its way: a difference counts only if it is still there after this time.
	Grace time.Duration
}

// BindFlags defines the flags of the syncer.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.APIURL, "fastpix-api-url", "https://api.fastpix.com/v1", "URL of FastPix's management API. The syncer sends its credentials there.")
	fs.Float64Var(&o.Rate, "sync-rate", 5, "How many requests a second the syncer sends to FastPix with one set of credentials.")
	fs.DurationVar(&o.Grace, "sync-grace", 2*time.Minute, "How long a webhook may be on its way. A difference is repaired only if it is still there after this time.")
}

// Validate returns an error if an option is invalid.
func (o *Options) Validate() error {
	var errs []error
	if err := fastpixapi.CheckURL(o.APIURL); err != nil {
		errs = append(errs, fmt.Errorf("--fastpix-api-url: %w", err))
	}
	if !(o.Rate > 0) || math.IsInf(o.Rate, 1) { // NaN is not above 0
		errs = append(errs, fmt.Errorf("--sync-rate is %v: use a number of requests a second above 0", o.Rate))
	}
	if o.Grace <= 0 {
		errs = append(errs, fmt.Errorf("--sync-grace is %s: use a duration above 0, such as 2m", o.Grace))
	}
	return errors.Join(errs...)
}
