package endpoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newObserver returns a publisher that only observes records. Every endpoint exists but those with the prefix "forged-".
func newObserver(now *time.Time) *Publisher {
	return &Publisher{
		Exists: func(key types.NamespacedName) bool { return !strings.HasPrefix(key.Name, "forged-") },
		Now:    func() time.Time { return *now },
	}
}

// TestActivityIsBoundedAndForgotten protects the controllers' memory from forged records: a client with the stolen identity of a receiver may name
// any endpoint and any key.
func TestActivityIsBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	now, at := testStart, metav1.NewMicroTime(testStart)
	p := newObserver(&now)
	for i := range 2 * maxFingerprints {
		p.Observe(&record.Record{EndpointUID: "endpoint-uid", Fingerprint: fmt.Sprintf("%08d", i), Received: at})
	}
	if got := len(p.activity["endpoint-uid"].verified); got != maxFingerprints {
		t.Errorf("%d keys are kept", got)
	}
	for i := range 2 * maxActivity {
		p.Observe(&record.Record{EndpointUID: types.UID(fmt.Sprint(i)), Received: at})
	}
	if got := len(p.activity); got != maxActivity {
		t.Errorf("%d endpoints are kept", got)
	}
	now = now.Add(forgetActivity / 2)
	p.Observe(&record.Record{EndpointUID: "1", Received: at})
	now = now.Add(forgetActivity/2 + time.Second)
	existing := fastpixv1.WebhookEndpoint{}
	existing.UID = "endpoint-uid"
	p.forget([]fastpixv1.WebhookEndpoint{existing})
	if len(p.activity) != 2 || p.activity["endpoint-uid"] == nil || p.activity["1"] == nil {
		t.Errorf("%d endpoints are kept, want the one that exists and the one that may be new", len(p.activity))
	}
}

// TestForgedRecordsUseNoMemory protects the controllers' memory from records that name many endpoints or keys.
func TestForgedRecordsUseNoMemory(t *testing.T) {
	t.Parallel()
	now := testStart
	p := newObserver(&now)
	for i := range 1000 {
		r := &record.Record{Namespace: "video", EndpointUID: "endpoint-uid", Fingerprint: "0badcafe", Received: metav1.NewMicroTime(testStart)}
		r.Endpoint = fmt.Sprint("forged-", i)
		p.Observe(r)
		r.Endpoint, r.Fingerprint = "fastpix", fmt.Sprintf("%08x", i)
		p.Observe(r)
		r.EndpointUID = types.UID(strings.Repeat("u", 15_000) + fmt.Sprint(i))
		p.Observe(r)
	}
	if a := p.activity["endpoint-uid"]; len(p.activity) != 1 || len(a.verified) > maxFingerprints {
		t.Errorf("%d endpoints are kept, %d keys", len(p.activity), len(a.verified))
	}
}

// TestFutureTimeIsReplaced protects an endpoint whose status an older operator took from a forged record.
func TestFutureTimeIsReplaced(t *testing.T) {
	t.Parallel()
	at, horizon := metav1.NewMicroTime(testStart), testStart.Add(record.MaxFuture)
	field := new(metav1.NewMicroTime(testStart.Add(time.Hour)))
	if !raiseReceipt(&field, at, horizon) || !field.Equal(&at) {
		t.Errorf("it stays %v", field)
	}
	field = new(metav1.NewMicroTime(testStart.Add(time.Minute)))
	if raiseReceipt(&field, at, horizon) {
		t.Error("a credible time is replaced by an older one")
	}
}
