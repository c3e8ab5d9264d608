package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxBatchBytes bounds the records of one batch as they are sent and stored. etcd accepts 1.5 MiB.
const maxBatchBytes = 512 << 10

// newBatch returns a batch of entries. Its name is unique without a request to the API server, and names sort by time.
func newBatch(namespace string, now time.Time, entries []*entry) *fastpixv1.EventBatch {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	batch := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
		Namespace:   namespace,
		Name:        fmt.Sprintf("events-%016x-%s", now.UnixNano(), hex.EncodeToString(random[:])),
		Annotations: map[string]string{fastpixv1.EventCountsAnnotation: record.FormatCounts(counts(entries))},
	}}
	batch.Spec.Events = make([]string, 0, len(entries))
	for _, e := range entries {
		batch.Spec.Events = append(batch.Spec.Events, e.record)
	}
	return batch
}

// counts returns the number of entries by endpoint.
func counts(entries []*entry) map[types.NamespacedName]int64 {
	m := map[types.NamespacedName]int64{}
	for _, e := range entries {
		m[e.endpoint]++
	}
	return m
}

// encodedBytes returns the length of a record as a JSON string in an object. JSON escapes each character that HTML could read as markup by
// six bytes, so a batch may be several times longer than its records.
func encodedBytes(record string) int {
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

// BatchCreator returns a function that creates a batch in the API server. The function has a client of its own, because it asks for
// metadata alone: the usual answer repeats the whole batch. An answer that does not show the new batch is an error, whatever its code: a
// proxy between the receiver and the API server may answer 200 to everything.
func BatchCreator(
	config *rest.Config, httpClient *http.Client, scheme *runtime.Scheme, fieldManager string,
) (func(context.Context, *fastpixv1.EventBatch) error, error) {
	c, err := apiutil.RESTClientForGVK(fastpixv1.GroupVersion.WithKind("EventBatch"), true, false, config,
		serializer.NewCodecFactory(scheme), httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client of the journal: %w", err)
	}
	return func(ctx context.Context, batch *fastpixv1.EventBatch) error {
		batch.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("EventBatch"))
		encoded, err := json.Marshal(batch)
		if err != nil {
			return fmt.Errorf("encode a batch: %w", err)
		}
		body := &requestBody{rest: encoded}
		defer body.Close()
		var code int
		result := c.Post().Namespace(batch.Namespace).Resource("eventbatches").
			Param("fieldValidation", metav1.FieldValidationStrict). // an API server with an older schema must refuse a field, not drop it
			Param("fieldManager", fieldManager).
			SetHeader("Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json").
			SetHeader("Content-Type", "application/json").
			Body(body).Do(ctx).StatusCode(&code)
		if err := result.Error(); err != nil { // Error reads the Status in an answer, Raw does not
			return err
		}
		answer, err := result.Raw()
		if err != nil {
			return err
		}
		return confirmsBatch(code, answer, batch)
	}, nil
}

// confirmsBatch returns an error unless the answer is that of an API server that has created the batch.
func confirmsBatch(code int, answer []byte, batch *fastpixv1.EventBatch) error {
	var created metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &created); err != nil || code != http.StatusCreated ||
		created.Name != batch.Name || created.Namespace != batch.Namespace || created.UID == "" {
		return fmt.Errorf("the answer %d to a new batch does not show the batch: check whether a proxy answers for the API server", code)
	}
	return nil
}

// isCommitted reports that a batch is in the API server: this attempt created it, or an attempt whose answer was lost.
func isCommitted(err error) bool {
	return err == nil || apiserver.IsAlreadyExists(err)
}
