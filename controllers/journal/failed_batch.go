package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// failedGroup identifies the changes that one batch of failed records may hold.
type failedGroup struct {
	endpoint      types.NamespacedName
	failedChanges string // value of fastpixv1.FailedChangesAnnotation
}

func (f Failure) group() failedGroup {
	if f.Creates {
		return failedGroup{f.Endpoint, fastpixv1.FailedChangesCreate}
	}
	return failedGroup{f.Endpoint, fastpixv1.FailedChangesUpdate}
}

// newFailedBatch returns a batch of failed records without a name.
func newFailedBatch(namespace string, group failedGroup, records []string) *fastpixv1.EventBatch {
	return &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Labels: map[string]string{fastpixv1.FailedLabel: "true"},
			Annotations: map[string]string{
				// Records without an endpoint are counted under the empty name.
				fastpixv1.EventCountsAnnotation:   record.FormatCounts(map[types.NamespacedName]int64{group.endpoint: int64(len(records))}),
				fastpixv1.FailedChangesAnnotation: group.failedChanges,
			},
		},
		Spec: fastpixv1.EventBatchSpec{Events: records},
	}
}

// failedName returns a name that follows from the content of a batch.
func failedName(from string, more ...string) string {
	name := sha256.New()
	fmt.Fprintln(name, from)
	for _, s := range more {
		fmt.Fprintln(name, s)
	}
	return "failed-" + hex.EncodeToString(name.Sum(nil))[:40]
}

// createFailedBatch creates a batch of failed records, or finds it if it was created before a crash or a lost answer. From then on, the backlog
// knows which objects it touches.
func createFailedBatch(
	ctx context.Context, c client.Client, live client.Reader, backlog *Backlog, object *fastpixv1.EventBatch, state *retryState,
) error {
	backlog.expectWrite(object.Name)
	err := c.Create(ctx, object)
	if err == nil {
		err = apiserver.CheckReturned(object)
	}
	if apiserver.IsAlreadyExists(err) {
		err = live.Get(ctx, client.ObjectKeyFromObject(object), object)
	}
	if err != nil {
		backlog.finishWrite(object.Name, BatchInfo{}, nil)
		return err
	}
	backlog.finishWrite(object.Name, backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: object.ObjectMeta}), state)
	return nil
}
