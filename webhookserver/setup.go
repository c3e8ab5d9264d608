package webhookserver

import (
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
)

// fieldManager is the receiver's name in managedFields.
const fieldManager = "fastpix-receiver"

// The manager serves the metrics of the process. It asks the API server which clients may read them:
//
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// AddToManager adds the receiver to a manager: the HTTP server, the controller of WebhookEndpoints, and a readiness check. All of them run
// in every replica. AddToManager makes no request to the API server, so it works while the API server is unavailable.
func AddToManager(mgr manager.Manager, limiter *connlimit.Limiter, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	create, err := journal.BatchCreator(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetScheme(), fieldManager)
	if err != nil {
		return err
	}
	directory := endpoint.NewDirectory(mgr.GetAPIReader(), time.Now)
	reconciler := &endpoint.Reconciler{
		Directory: directory,
		Reader:    mgr.GetAPIReader(),
		Update:    endpoint.NewStatusUpdater(mgr.GetClient(), fieldManager),
		Recorder:  mgr.GetEventRecorder(fieldManager),
		Options:   endpoint.Options{ExternalURL: o.ExternalURL, OperatorNamespace: o.OperatorNamespace, ServiceAccount: o.ServiceAccount},
		Now:       time.Now,
	}
	if err := endpoint.AddController(mgr, reconciler); err != nil {
		return fmt.Errorf("add the controller of endpoints: %w", err)
	}
	log := mgr.GetLogger().WithName("receiver")
	return addServer(mgr, limiter, &handler{
		directory:       directory,
		journal:         journal.New(create, o.OperatorNamespace, directory.AddCommitted, time.Now),
		committed:       journal.NewDedupeCache(journal.DedupeCacheSize, time.Now),
		bodies:          &bodies{},
		decoding:        make(chan struct{}, maxDecoding),
		refusals:        newRefusalLog(log),
		options:         &o,
		now:             time.Now,
		log:             log,
		trace:           trace.Logger(log),
		reportMalformed: reconciler.ReportMalformed,
	})
}

// addServer adds the HTTP server, its readiness check and its runnables.
func addServer(mgr manager.Manager, limiter *connlimit.Limiter, h *handler) error {
	drain := &drainer{delay: h.options.DrainDelay, draining: &h.draining}
	if err := mgr.AddReadyzCheck("receiver", ready(h.directory, drain)); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	listener, err := listen(mgr.Add, limiter, h.options)
	if err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{h.refusals, drain, serverRunnable(newServer(h, limiter), listener)} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add the receiver's server: %w", err)
		}
	}
	return nil
}
