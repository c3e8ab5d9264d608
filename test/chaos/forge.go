package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// forge creates batches as an attacker with the stolen identity of the receiver could. Batches that no receiver creates must be refused. A batch
// whose counts lie must change nothing: it holds a record that is in the journal already. It has no effect if the API server is away.
func forge(ctx context.Context, n *round, f fault) error {
	genuine := n.env.journal.LastRecord()
	if genuine == "" {
		return fmt.Errorf("%w: nothing is in the journal yet", errNoEffect)
	}
	endpoint := types.NamespacedName{Namespace: n.tenants[f.target].Namespace, Name: tenant.EndpointName}
	random, refused, taken := rand.New(rand.NewPCG(f.seed, 3)), 0, 0
	for end := time.Now().Add(f.length); time.Now().Before(end) && ctx.Err() == nil; clock.Sleep(ctx, 50*time.Millisecond) {
		batch := n.env.forgedBatch(genuine, record.FormatCounts(map[types.NamespacedName]int64{endpoint: fastpixv1.MaxBatchEvents}))
		forgery := forgeries[random.IntN(len(forgeries))]
		forgery.make(batch)
		err := n.env.asReceiver.Create(ctx, batch)
		switch {
		case err == nil && forgery.taken:
			taken++
		case err == nil:
			n.env.fail("the API server took a batch that no receiver creates: %s", forgery.name)
			return n.env.admin.Delete(ctx, batch)
		case apierrors.IsForbidden(err) || apierrors.IsInvalid(err):
			refused++
		}
	}
	if refused == 0 && taken == 0 {
		return fmt.Errorf("%w: the API server answered nothing", errNoEffect)
	}
	return nil
}

func (r *testEnv) forgedBatch(text, counts string) *fastpixv1.EventBatch {
	return &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: tenant.OperatorNamespace, Name: "forged-" + string(uuid.NewUUID()), Annotations: map[string]string{fastpixv1.EventCountsAnnotation: counts},
		},
		Spec: fastpixv1.EventBatchSpec{Events: []string{text}},
	}
}

// forgery makes of a batch one that no receiver creates.
type forgery struct {
	name  string
	taken bool // the API server takes it
	make  func(*fastpixv1.EventBatch)
}

var forgeries = []forgery{
	{"its counts lie", true, func(*fastpixv1.EventBatch) {}},
	{"the label of failed records", false, func(b *fastpixv1.EventBatch) { b.Labels = map[string]string{fastpixv1.FailedLabel: "true"} }},
	{"the name of failed records", false, func(b *fastpixv1.EventBatch) { b.Name = "failed-" + b.Name }},
	{"a finalizer", false, func(b *fastpixv1.EventBatch) { b.Finalizers = []string{"example.com/never"} }},
	{"an owner", false, func(b *fastpixv1.EventBatch) {
		b.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "nowhere", UID: "none"}}
	}},
	{"a foreign annotation", false, func(b *fastpixv1.EventBatch) { b.Annotations["example.com/large"] = strings.Repeat("x", 200_000) }},
	{"many counts", false, func(b *fastpixv1.EventBatch) {
		b.Annotations[fastpixv1.EventCountsAnnotation] = strings.Repeat("tenant/endpoint=1000000000,", 8_000)
	}},
}
