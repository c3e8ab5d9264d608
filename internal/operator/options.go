package operator

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"

	"github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync"
	"github.com/fastpix-operator/fastpix-operator/webhookserver"
)

// Options say which parts of the operator run in this process, and how.
type Options struct {
	// Receiver, Controllers and Syncer say which parts run.
	Receiver, Controllers, Syncer bool
	// MetricsBindAddress and ProbeBindAddress are where metrics and probes are served; "0" turns a port off.
	MetricsBindAddress, ProbeBindAddress string
	// PprofBindAddress is a loopback address where Go's profiles are served; nothing or "0" turns them off.
	PprofBindAddress string
	// OperatorNamespace is the operator's own namespace, which holds the journal.
	OperatorNamespace string
	// LeaderElect has the controllers elect a leader among all processes, and the syncers another one.
	LeaderElect bool

	receiver    webhookserver.Options
	controllers controllers.Options
	syncer      sync.Options
}

// BindFlags defines the flags of every part.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.BoolVar(&o.Receiver, "receiver", true, "Run the receiver of webhooks.")
	fs.BoolVar(&o.Controllers, "controllers", true, "Run the controllers that mirror events.")
	fs.BoolVar(&o.Syncer, "syncer", true, "Run the syncer that compares mirrors with FastPix's management API.")
	fs.StringVar(&o.MetricsBindAddress, "metrics-bind-address", ":8443", "Address at which metrics are served by HTTPS, to clients that may get /metrics. 0 turns metrics off.")
	fs.StringVar(&o.ProbeBindAddress, "health-probe-bind-address", ":8081", "Address at which /healthz and /readyz are served.")
	fs.StringVar(&o.PprofBindAddress, "pprof-bind-address", "", "Loopback address at which Go's profiles are served, such as 127.0.0.1:6060, to anyone who reaches it. Empty turns them off.")
	fs.StringVar(&o.OperatorNamespace, "operator-namespace", defaultNamespace(), "Namespace of the operator, which holds its journal.")
	fs.BoolVar(&o.LeaderElect, "leader-elect", false, "Elect a leader among the controllers, and one among the syncers. Needed when more than one process runs them.")
	o.receiver.BindFlags(fs)
	o.controllers.BindFlags(fs)
	o.syncer.BindFlags(fs)
}

// Validate says what is wrong with the options. It also completes the options of the parts.
func (o *Options) Validate() error {
	if !o.Receiver && !o.Controllers && !o.Syncer {
		return errors.New("nothing to run: set --receiver, --controllers or --syncer")
	}
	// The receiver and the syncer name their ServiceAccount in conditions. In a pod with another ServiceAccount than the manifests name, this variable
	// is set.
	account := os.Getenv("POD_SERVICE_ACCOUNT")
	o.receiver.ServiceAccount, o.syncer.ServiceAccount = account, account
	o.receiver.OperatorNamespace = o.OperatorNamespace
	o.controllers.OperatorNamespace = o.OperatorNamespace
	o.syncer.OperatorNamespace, o.syncer.MaxPending = o.OperatorNamespace, o.receiver.MaxPendingPerEndpoint
	return errors.Join(o.validatePprof(), o.receiver.Validate(), o.controllers.Validate(), o.syncer.Validate())
}

// validatePprof refuses an address that other machines or pods could reach: profiles have no authentication.
func (o *Options) validatePprof() error {
	if o.PprofBindAddress == "" || o.PprofBindAddress == "0" {
		return nil
	}
	address, err := netip.ParseAddrPort(o.PprofBindAddress)
	if err != nil || !address.Addr().IsLoopback() {
		return fmt.Errorf("--pprof-bind-address %q is not a loopback address and a port, such as 127.0.0.1:6060", o.PprofBindAddress)
	}
	return nil
}

func defaultNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	return "fastpix-system"
}
