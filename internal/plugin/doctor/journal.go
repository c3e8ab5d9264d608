package doctor

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// oldBatch is the age at which a batch that is not folded is a problem, as in the alerts of docs/operations.md.
const oldBatch = 2 * time.Minute

// checkJournal checks that events are mirrored soon after they arrive.
func checkJournal(ctx context.Context, p *patient) []Result {
	var waiting, failed int
	var oldest time.Time
	batches := &metav1.PartialObjectMetadataList{} // a page of whole batches has up to 250 MiB
	batches.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("EventBatchList"))
	err := cli.Each(ctx, p.client, batches, func(b *metav1.PartialObjectMetadata) error {
		if b.Labels[fastpixv1.FailedLabel] == "true" {
			failed++
			return nil
		}
		waiting++
		if oldest.IsZero() || b.CreationTimestamp.Time.Before(oldest) {
			oldest = b.CreationTimestamp.Time
		}
		return nil
	}, client.InNamespace(p.OperatorNamespace))
	if err != nil {
		return []Result{unread("", err)}
	}
	results := []Result{pass("", "events move: %d batches wait", waiting)}
	if waiting > 0 && p.Now().Sub(oldest) > oldBatch {
		results[0] = fail("", fmt.Sprintf("kubectl -n %s get pods,leases, then look at the log of the controllers.", p.OperatorNamespace),
			"events are not mirrored: the oldest of %d batches waits for %s", waiting, p.Age(oldest))
	}
	if failed > 0 {
		results = append(results, warn("", "kubectl fastpix failed -A shows why.", "%d batches hold events that could not be mirrored", failed))
	}
	return results
}
