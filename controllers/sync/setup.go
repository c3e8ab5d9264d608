package sync

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
)

const (
	// fieldManager is the syncer's name in managedFields and Kubernetes Events.
	fieldManager = "fastpix-syncer"
	// workers is how many endpoints are reconciled at once. Runs work in the background.
	workers = 4
)

// AddToManager adds the syncer to a manager. What it adds runs only in the leader.
func AddToManager(_ context.Context, mgr manager.Manager, o Options) error {
	env, err := newEnvironment(mgr, o)
	if err != nil {
		return err
	}
	r := &Reconciler{
		env: env, recorder: mgr.GetEventRecorder(fieldManager), slots: newSlots(),
		ended: make(chan event.GenericEvent, 1), states: map[types.NamespacedName]*state{},
	}
	for _, runnable := range []manager.Runnable{r, &Questions{env: env, asked: cache.NewLRUExpireCache(maxAsked)}} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add the syncer: %w", err)
		}
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("sync").
		For(&fastpixv1.WebhookEndpoint{}).
		WatchesRawSource(source.Channel(r.ended, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, SkipNameValidation: new(true)}). // a test may run several managers in one process
		Complete(r)
}

func newEnvironment(mgr manager.Manager, o Options) (*environment, error) {
	api, err := fastpixapi.New(fastpixapi.Options{BaseURL: o.APIURL, Rate: o.Rate, UserAgent: userAgent()})
	if err != nil {
		return nil, fmt.Errorf("--fastpix-api-url: %w", err)
	}
	create, err := journal.BatchCreator(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetScheme(), fieldManager)
	if err != nil {
		return nil, err
	}
	return &environment{
		api: api, live: mgr.GetAPIReader(), cached: mgr.GetClient(),
		journal:        journal.New(create, o.OperatorNamespace, func(map[types.NamespacedName]int64) {}, time.Now),
		status:         &statusWriter{live: mgr.GetAPIReader(), client: mgr.GetClient()},
		grace:          o.Grace,
		maxPending:     o.MaxPending,
		serviceAccount: o.OperatorNamespace + ":" + cmp.Or(o.ServiceAccount, defaultServiceAccount),
		now:            time.Now,
	}, nil
}

// userAgent returns how the syncer names itself to FastPix.
func userAgent() string {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "fastpix-operator/" + version
}
