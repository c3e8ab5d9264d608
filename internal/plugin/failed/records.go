package failed

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// pageSize is how many batches are read at a time. A batch has up to 512 KiB.
const pageSize = 20

// failure says why one change of an event could not be mirrored.
type failure struct {
	Namespace string      `json:"namespace"`
	Endpoint  string      `json:"endpoint"`
	Reason    string      `json:"reason"`
	Object    string      `json:"object"`
	EventID   string      `json:"eventID"`
	Type      string      `json:"type"`
	Received  metav1.Time `json:"received,omitzero"`
	LastTry   metav1.Time `json:"lastTry,omitzero"`
	Batch     string      `json:"batch"`
	Message   string      `json:"message"`
}

// eachBatch calls a function with every batch of failed records.
func eachBatch(ctx context.Context, c client.Reader, operatorNamespace string, each func(*fastpixv1.EventBatch) error) error {
	return cli.Each(ctx, c, &fastpixv1.EventBatchList{}, each,
		client.InNamespace(operatorNamespace), client.MatchingLabels{fastpixv1.FailedLabel: "true"}, client.Limit(pageSize))
}

// read returns the failed records of a namespace, or of all if it is empty.
func read(ctx context.Context, c client.Reader, operatorNamespace, namespace string) (*report, error) {
	found := &report{Records: []failure{}}
	err := eachBatch(ctx, c, operatorNamespace, func(b *fastpixv1.EventBatch) error {
		failures := failuresOf(b, namespace)
		found.Records = append(found.Records, failures...)
		if len(failures) > 0 {
			found.batches = append(found.batches, &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name}})
		}
		return nil
	})
	return found, err
}

// failuresOf returns the failures of a batch that are about a namespace, or all if it is empty.
func failuresOf(b *fastpixv1.EventBatch, namespace string) []failure {
	var failures []failure
	for _, f := range b.Status.Failed {
		if f.Index < 0 || int(f.Index) >= len(b.Spec.Events) {
			continue
		}
		one := failure{
			Reason: f.Reason, Object: strings.ToLower(f.Object), EventID: f.EventID, Message: f.Message, Batch: b.Name, Type: "?",
			Received: b.CreationTimestamp,
		}
		if b.Status.LastAttemptTime != nil {
			one.LastTry = *b.Status.LastAttemptTime
		}
		text := b.Spec.Events[f.Index]
		one.Namespace, one.Endpoint = record.EndpointOf(text)
		if namespace != "" && one.Namespace != namespace {
			continue
		}
		if r, err := record.Decode(text); err == nil {
			one.Type, one.Received = r.Type, metav1.NewTime(r.Received.Time)
		}
		failures = append(failures, one)
	}
	return failures
}
