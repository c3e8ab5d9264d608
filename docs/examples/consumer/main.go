// Command consumer is an example of a controller that follows video on FastPix: for every media of one namespace that can be played it
// keeps a ConfigMap that says how, and takes it away when the media cannot be played any more. The argument is the namespace.
package main

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// ours marks the ConfigMaps of this controller.
var ours = map[string]string{"app.kubernetes.io/managed-by": "fastpix-consumer"}

func main() {
	ctrl.SetLogger(zap.New())
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		ctrl.Log.Error(err, "The consumer ends")
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the namespace, not %d", len(args))
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(fastpixv1.AddToScheme(scheme))
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{args[0]: {}},
			ByObject: map[client.Object]cache.ByObject{
				// Only what can be played comes here, and leaves when that ends: other assets cost nothing.
				&fastpixv1.MediaAsset{}: {Field: fields.OneTermEqualSelector("status.state", "Ready")},
				&corev1.ConfigMap{}:     {Label: labels.SelectorFromSet(ours)},
			},
		},
	})
	if err != nil {
		return err
	}
	// Watching its own ConfigMaps, too, it finds at its start those whose media went meanwhile.
	err = ctrl.NewControllerManagedBy(mgr).For(&fastpixv1.MediaAsset{}).Owns(&corev1.ConfigMap{}).Complete(&catalogue{mgr.GetClient()})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

type catalogue struct{ client.Client }

// Reconcile makes the entry of one media what the media says. It looks at what is, not at what happened: it may run at any time and
// any number of times.
func (c *catalogue) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	entry := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: req.Namespace, Name: "media-" + req.Name}}
	var asset fastpixv1.MediaAsset
	if err := c.Get(ctx, req.NamespacedName, &asset); apierrors.IsNotFound(err) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(entry), entry); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		return ctrl.Result{}, client.IgnoreNotFound(c.Delete(ctx, entry))
	} else if err != nil {
		return ctrl.Result{}, err
	}
	_, err := controllerutil.CreateOrUpdate(ctx, c.Client, entry, func() error {
		entry.Labels = ours
		entry.Data = map[string]string{"title": asset.Status.Title}
		for _, playback := range asset.Status.PlaybackIDs {
			if playback.AccessPolicy == "public" {
				entry.Data["playbackID"] = playback.ID
			}
		}
		return controllerutil.SetControllerReference(&asset, entry, c.Scheme(), controllerutil.WithBlockOwnerDeletion(false))
	})
	return ctrl.Result{}, err
}
