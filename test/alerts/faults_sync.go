package main

import (
	"context"
	"net/http"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

func killSyncer(_ context.Context, e *env) (func(context.Context) error, error) {
	e.syncer.Kill()
	return func(ctx context.Context) error { return ensureRunning(ctx, e.syncer.Process) }, nil
}

// loseWebhook changes a media without sending a webhook.
func loseWebhook(ctx context.Context, e *env) (func(context.Context) error, error) {
	media := e.workspace.Media(fastpixfake.MediaID(1))
	media["title"] = "changed without a webhook"
	e.workspace.PutMedia(media)
	return nothing, e.requestRun(ctx)
}

func revokeToken(ctx context.Context, e *env) (func(context.Context) error, error) {
	e.fastpix.Revoke(e.access)
	return func(ctx context.Context) error {
		e.fastpix.Grant(e.workspace, e.access)
		if err := e.requestRun(ctx); err != nil {
			return err
		}
		return e.waitEndpoint(ctx, e.synced, fastpixv1.ConditionSynced)
	}, e.requestRun(ctx)
}

// removeFastPix lets the API fail until the last complete run is too old.
func removeFastPix(ctx context.Context, e *env) (func(context.Context) error, error) {
	heal := e.fastpix.Inject(fastpixfake.Status(http.StatusServiceUnavailable, ""))
	return func(ctx context.Context) error {
		heal()
		// The next answer of the API has another date than the last one.
		time.Sleep(time.Second)
		return e.requestRun(ctx)
	}, e.requestRun(ctx)
}
