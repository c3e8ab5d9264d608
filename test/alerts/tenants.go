package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// signingSecret is what FastPix signs with.
	signingSecret = fixtures.SigningSecret
	// pace is the pause between two events of the endpoint that gets events all the time.
	pace = 500 * time.Millisecond
)

// newTenant makes a namespace with an endpoint and its signing secret, and waits until the endpoint is ready.
func (e *env) newTenant(ctx context.Context, namespace, secret string) (string, error) {
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, tenant.SigningSecret(namespace, secret)}
	objects = append(objects, tenant.SecretRights(namespace, tenant.SigningSecretName, tenant.ReceiverAccount)...)
	for _, o := range append(objects, tenant.Endpoint(namespace)) {
		if err := e.admin.Create(ctx, o); err != nil {
			return "", fmt.Errorf("make tenant %s: %w", namespace, err)
		}
	}
	return namespace, e.waitEndpoint(ctx, namespace, fastpixv1.ConditionReady)
}

// newSyncedTenant makes a namespace whose endpoint is compared with a workspace, and waits for the first run.
func (e *env) newSyncedTenant(ctx context.Context) (err error) {
	e.access = fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	e.workspace = e.fastpix.AddWorkspace(string(uuid.NewUUID()), e.access)
	e.workspace.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(1), time.Now().Add(-time.Hour)))
	if e.synced, err = e.newTenant(ctx, "synced", signingSecret); err != nil {
		return err
	}
	objects := append([]client.Object{tenant.APISecret(e.synced, e.access.TokenID, e.access.SecretKey)},
		tenant.SecretRights(e.synced, tenant.APISecretName, tenant.SyncerAccount)...)
	for _, o := range objects {
		if err := e.admin.Create(ctx, o); err != nil {
			return err
		}
	}
	patch := fmt.Sprintf(`{"spec":{"sync":{"credentialsSecret":{"name":%q}}}}`, tenant.APISecretName)
	if err := e.patchEndpoint(ctx, e.synced, patch); err != nil {
		return err
	}
	return e.waitEndpoint(ctx, e.synced, fastpixv1.ConditionSynced)
}

// waitEndpoint waits until a condition of an endpoint is true.
func (e *env) waitEndpoint(ctx context.Context, namespace, condition string) error {
	var whe fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := e.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: tenant.EndpointName}, &whe)
		return apimeta.IsStatusConditionTrue(whe.Status.Conditions, condition), err
	})
	if err != nil {
		return fmt.Errorf("wait until %s is true for the endpoint of %s, conditions %v: %w", condition, namespace, whe.Status.Conditions, err)
	}
	return nil
}

func (e *env) patchEndpoint(ctx context.Context, namespace, patch string) error {
	return e.admin.Patch(ctx, tenant.Endpoint(namespace), client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// requestRun requests a run of sync.
func (e *env) requestRun(ctx context.Context) error {
	return e.patchEndpoint(ctx, e.synced, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, fastpixv1.SyncRequestedAtAnnotation, uuid.NewUUID()))
}

// newEvent returns an event about a new media that happens at a time.
func newEvent(at time.Time) []byte {
	body := fixtures.Payload("video.media.created.seed.json")
	for old, replacement := range map[string]string{
		fixtures.Seed: string(uuid.NewUUID()), "614d5a56-5966-4a5a-9f1c-6b6bb3d5b81a": string(uuid.NewUUID()),
		`"createdAt": "2025-01-09T06:39:14.937304986Z"`: fmt.Sprintf(`"createdAt": %q`, at.UTC().Format(time.RFC3339Nano)),
	} {
		body = bytes.ReplaceAll(body, []byte(old), []byte(replacement))
	}
	return body
}

// deliver sends a body once, signed as FastPix does.
func (e *env) deliver(ctx context.Context, namespace string, body []byte) (int, error) {
	return e.receiver.Post(ctx, tenant.Path(namespace), body, fixtures.Sign(signingSecret, body))
}

// deliverEvents sends new events and expects them to be acknowledged.
func (e *env) deliverEvents(ctx context.Context, namespace string, n int) error {
	for range n {
		body := newEvent(time.Now())
		if err := e.receiver.Deliver(ctx, tenant.Path(namespace), body, fixtures.Sign(signingSecret, body)); err != nil {
			return err
		}
	}
	return nil
}

// deliverAgain sends the same event many times. Each delivery is acknowledged, and none but the first is a new event.
func (e *env) deliverAgain(ctx context.Context, namespace string, n int) error {
	body := newEvent(time.Now())
	if err := e.receiver.Deliver(ctx, tenant.Path(namespace), body, fixtures.Sign(signingSecret, body)); err != nil {
		return err
	}
	errs := make(chan error, 4)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for range n / cap(errs) {
				if code, err := e.deliver(ctx, namespace, body); err != nil || code != http.StatusOK {
					errs <- fmt.Errorf("deliver again: answer %d: %w", code, err)
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// deliverAllTheTime sends an event to the video endpoint twice a second. During a fault it may be refused.
func (e *env) deliverAllTheTime(ctx context.Context) {
	for clock.Sleep(ctx, pace) {
		e.silent.Lock()
		_, _ = e.deliver(ctx, e.video, newEvent(time.Now()))
		e.silent.Unlock()
	}
}
