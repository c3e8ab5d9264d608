package webhookserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// maxBatchBytes bounds the records of one batch as they are sent and stored. etcd takes 1.5 MiB.
const maxBatchBytes = 512 << 10

// newBatch makes a batch of entries. Its name is unique without asking anybody, and names sort by time.
func newBatch(namespace string, now time.Time, entries []*entry) *fastpixv1.EventBatch {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	batch := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
		Namespace:   namespace,
		Name:        fmt.Sprintf("events-%016x-%s", now.UnixNano(), hex.EncodeToString(random[:])),
		Annotations: map[string]string{fastpixv1.EventCountsAnnotation: formatCounts(counts(entries))},
	}}
	batch.Spec.Events = make([]string, 0, len(entries))
	for _, e := range entries {
		batch.Spec.Events = append(batch.Spec.Events, e.record)
	}
	return batch
}

// counts counts entries by endpoint.
func counts(entries []*entry) map[types.NamespacedName]int64 {
	m := map[types.NamespacedName]int64{}
	for _, e := range entries {
		m[e.endpoint]++
	}
	return m
}

// formatCounts writes the value of EventCountsAnnotation.
func formatCounts(counts map[types.NamespacedName]int64) string {
	parts := make([]string, 0, len(counts))
	for endpoint, n := range counts {
		parts = append(parts, fmt.Sprintf("%s=%d", endpoint, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// wireBytes is the length of a record as JSON text within an object. JSON escapes what a page might take for markup by six
// bytes for one, so that a batch may be several times longer than its records.
func wireBytes(record string) int {
	n := len(record) + len(`"",`)
	for i := range len(record) {
		switch record[i] {
		case '"', '\\':
			n++
		case '<', '>', '&':
			n += len(`\u003c`) - 1
		}
	}
	return n
}

// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches,verbs=create

// batchCreator returns what creates a batch in the API server. It is a client of its own only because it does not read the answer, which
// would repeat the whole batch: it asks for metadata and drops that.
func batchCreator(
	config *rest.Config, httpClient *http.Client, scheme *runtime.Scheme,
) (func(context.Context, *fastpixv1.EventBatch) error, error) {
	c, err := apiutil.RESTClientForGVK(fastpixv1.GroupVersion.WithKind("EventBatch"), true, false, config,
		serializer.NewCodecFactory(scheme), httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client of the journal: %w", err)
	}
	return func(ctx context.Context, batch *fastpixv1.EventBatch) error {
		return c.Post().Namespace(batch.Namespace).Resource("eventbatches").
			Param("fieldValidation", metav1.FieldValidationStrict). // an older schema must refuse a field, not drop it
			Param("fieldManager", fieldManager).
			SetHeader("Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json").
			Body(batch).Do(ctx).Error()
	}, nil
}

// fieldManager is the receiver's name in managedFields.
const fieldManager = "fastpix-receiver"
