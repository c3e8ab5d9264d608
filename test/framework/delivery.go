package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// NewAsset returns an event about a new asset, and the asset's id.
func NewAsset() (id string, body []byte) {
	id = string(uuid.NewUUID())
	return id, NewEvent(id)
}

// NewEvent returns a new event about an asset.
func NewEvent(asset string) []byte {
	const eventID = "614d5a56-5966-4a5a-9f1c-6b6bb3d5b81a"
	body := bytes.ReplaceAll(fixtures.Payload("video.media.created.seed.json"), []byte(fixtures.Seed), []byte(asset))
	return bytes.ReplaceAll(body, []byte(eventID), []byte(uuid.NewUUID()))
}

// Sign returns the signature of a body by fixtures.SigningSecret.
func Sign(body []byte) string { return fixtures.Sign(fixtures.SigningSecret, body) }

// Answer is what the receiver answers to a delivery.
type Answer struct {
	Code       int
	RetryAfter string
	Closes     bool // the receiver closes the connection
}

// PostOnce sends a delivery once, by the given client.
func (e Endpoint) PostOnce(ctx context.Context, client *http.Client, to string, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+e.Path(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set(controlplane.SignatureHeader, Sign(body))
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return Answer{Code: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), Closes: resp.Close}, err
}

// Deliver sends an event to the deployed receiver until it is acknowledged.
func (e Endpoint) Deliver(ctx context.Context, body []byte) error {
	return Deployed.Receiver.Deliver(ctx, e.Path(), body, fixtures.Sign(fixtures.SigningSecret, body))
}

// MustDeliver does the same, or fails the test.
func (e Endpoint) MustDeliver(t *testing.T, body []byte) {
	t.Helper()
	if err := e.Deliver(t.Context(), body); err != nil {
		t.Fatal(err)
	}
}

// WaitJournalEmpty waits until the journal is empty: every acknowledged event is then in a mirror.
func WaitJournalEmpty(t *testing.T) {
	t.Helper()
	Eventually(t, "the journal is empty", func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := Deployed.Admin.List(ctx, &batches, client.InNamespace(OperatorNamespace)); err != nil {
			return err
		}
		var errs []error
		for _, b := range batches.Items[:min(len(batches.Items), 10)] {
			errs = append(errs, fmt.Errorf("batch %s has %d events, failed: %v", b.Name, len(b.Spec.Events), b.Status.Failed))
		}
		return errors.Join(errs...)
	})
}

// DeliverAll delivers bodies with several senders, each taking the next one, until all are acknowledged.
func (e Endpoint) DeliverAll(ctx context.Context, bodies [][]byte, senders int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan []byte)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for body := range next {
				if err := e.Deliver(ctx, body); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, body := range bodies {
		next <- body
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
