package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	inNamespace = " -n " + namespace
	getMirrors  = "kubectl get mediaassets,livestreams" + inNamespace
	// missedEvents prints the Kubernetes Events about webhooks that did not arrive.
	missedEvents = "kubectl get events" + inNamespace + " --field-selector=reason=WebhooksMissed"
)

// getMedia prints the mirror of the media whose webhook gets lost.
var getMedia = "kubectl get mediaasset " + fastpixfake.MediaID(processing) + inNamespace

// requestRun returns the commands that request a run of sync, wait until it has ended, and wait until that media is ready.
func requestRun(request string) []string {
	return []string{
		"kubectl annotate webhookendpoint " + endpoint + inNamespace + " --overwrite " + fastpixv1.SyncRequestedAtAnnotation + "=" + request,
		"kubectl wait webhookendpoint " + endpoint + inNamespace + " --for=jsonpath='{.status.sync.handledRequest}'=" + request + " --timeout=1m",
		"kubectl wait mediaasset " + fastpixfake.MediaID(processing) + inNamespace + " --for=condition=Ready --timeout=1m",
	}
}

// show prints a command and what it prints, as in a terminal.
func (d *demo) show(ctx context.Context, command string) error {
	fmt.Println("$ " + command)
	out, err := d.plane.Shell(ctx, command)
	if err != nil {
		return err
	}
	fmt.Println(strings.TrimRight(out, "\n"))
	return nil
}

// showAll does the same with several commands.
func (d *demo) showAll(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		if err := d.show(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// syncPast configures sync, and waits until what the workspace had before is mirrored.
func (d *demo) syncPast(ctx context.Context) error {
	media, streams := d.workspace.Len()
	fmt.Printf("\n%d media and %d live stream are older than the endpoint: no webhook comes for them, sync mirrors them\n", media, streams)
	configured := time.Now()
	err := d.showAll(ctx,
		"kubectl patch webhookendpoint "+endpoint+inNamespace+` --type=merge -p '{"spec":{"sync":{"credentialsSecret":{"name":"`+tenant.APISecretName+`"}}}}'`,
		"kubectl wait webhookendpoint "+endpoint+inNamespace+" --for=condition=Synced --timeout=1m")
	if err != nil {
		return err
	}
	for _, want := range pastMirrors() {
		if err := controlplane.WaitMirror(ctx, d.client, namespace, want); err != nil {
			return err
		}
	}
	d.measured.backfilled = time.Since(configured)
	return d.show(ctx, getMirrors)
}

// repairLostWebhook changes the workspace without posting the event, and requests a run of sync.
func (d *demo) repairLostWebhook(ctx context.Context) error {
	fmt.Print("\nA webhook is lost: a media becomes ready on FastPix, and no event is sent; a run of sync repairs its mirror\n")
	event, err := readyEvent(d.workspace.ID, time.Now())
	if err != nil {
		return err
	}
	if err := d.workspace.Apply(event); err != nil {
		return err
	}
	if err := d.show(ctx, getMedia); err != nil {
		return err
	}
	requested := time.Now()
	err = withProgress("the requested run has ended", func() error {
		return d.showAll(ctx, requestRun(requested.UTC().Format(time.RFC3339))...)
	})
	if err != nil {
		return err
	}
	d.measured.repaired = time.Since(requested)
	if err := d.waitForMissedEvent(ctx); err != nil {
		return err
	}
	return d.showAll(ctx, getMedia, "kubectl get webhookendpoints"+inNamespace, missedEvents)
}

// waitForMissedEvent waits until the Kubernetes Event exists. The syncer sends it in the background.
func (d *demo) waitForMissedEvent(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		out, err := d.plane.Shell(ctx, missedEvents+" -o name")
		return out != "", err
	})
	if err != nil {
		return fmt.Errorf("wait for the Kubernetes Event WebhooksMissed: %w", err)
	}
	return nil
}

// checkSync returns an error if the requested run changed anything but the one mirror, or if the syncer sent a request that no client may send.
func (d *demo) checkSync(ctx context.Context) error {
	var whe fastpixv1.WebhookEndpoint
	if err := d.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: endpoint}, &whe); err != nil {
		return err
	}
	s := whe.Status.Sync
	if s == nil || s.Created != 0 || s.Repaired != 1 || s.Deleted != 0 {
		return fmt.Errorf("status.sync is %+v", s)
	}
	return d.workspace.api.Check()
}
