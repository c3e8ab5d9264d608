package journal

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

func TestOneReadInFourIsOfTheNewestBatch(t *testing.T) {
	b := NewBacklog()
	for _, name := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		b.Add(BatchInfo{Name: name, UID: types.UID(name)})
	}
	b.Remove("1")
	var got []string
	for info, ok := b.Next(); ok; info, ok = b.Next() {
		got = append(got, info.Name)
	}
	if want := "2 8 3 4 5 7 6"; strings.Join(got, " ") != want {
		t.Errorf("read %v, want %s", got, want)
	}
}

// TestWaitOfABatchIsBounded protects an event in the middle of a backlog: it waits at most a third longer than the batches before it take,
// although as many new batches arrive as are read.
func TestWaitOfABatchIsBounded(t *testing.T) {
	t.Parallel()
	const backlog = 300
	b := NewBacklog()
	add := func(i int) { b.Add(BatchInfo{Name: fmt.Sprint(i), UID: types.UID(fmt.Sprint(i))}) }
	for i := range backlog {
		add(i)
	}
	left := backlog
	for reads := 1; left > 0; reads++ {
		info, ok := b.Next()
		if !ok || reads > 2*backlog {
			t.Fatalf("%d batches of the backlog are left after %d reads", left, reads)
		}
		b.Done()
		add(backlog + reads)
		var position int
		if _, err := fmt.Sscan(info.Name, &position); err != nil {
			t.Fatal(err)
		}
		if position >= backlog {
			continue
		}
		left--
		if longest := (position+1)*newestEvery/(newestEvery-1) + newestEvery; reads > longest {
			t.Errorf("batch %d is read after %d reads, want at most %d", position, reads, longest)
		}
	}
}

// TestNamespacesTakeTurnsAtReading protects a tenant with one event from another's burst: its batch, which is neither the oldest nor the
// newest, is read within two turns, and those it shares are read once.
func TestNamespacesTakeTurnsAtReading(t *testing.T) {
	b := NewBacklog()
	b.Endpoints.Add(types.NamespacedName{Namespace: "busy", Name: "fastpix"})
	b.Endpoints.Add(types.NamespacedName{Namespace: "quiet", Name: "fastpix"})
	for _, name := range []string{"1", "2", "3 quiet", "4", "5", "6"} {
		counts := map[types.NamespacedName]int64{{Namespace: "busy", Name: "fastpix"}: 17}
		if strings.Contains(name, "quiet") {
			counts[types.NamespacedName{Namespace: "quiet", Name: "fastpix"}] = 1
		}
		b.Add(BatchInfo{Name: name, UID: types.UID(name), counts: b.Endpoints.counts(counts)})
	}
	var got []string
	for info, ok := b.Next(); ok; info, ok = b.Next() {
		got = append(got, info.Name)
	}
	if want := "1|3 quiet|6|2|4|5"; strings.Join(got, "|") != want {
		t.Errorf("read %v, want %s", got, want)
	}
	if b.Empty() {
		t.Error("six batches are being read, and the journal counts as read")
	}
}

func TestStandbyForgetsDeletedBatches(t *testing.T) {
	t.Parallel()
	b := NewBacklog()
	for i := range 20 * minStaleUIDs {
		uid := types.UID(fmt.Sprint(i))
		b.Add(BatchInfo{UID: uid})
		b.Remove(uid)
	}
	if stale := len(b.queues.Of("").uids); stale > 2*minStaleUIDs || len(b.unread) > 0 {
		t.Errorf("%d batches that are gone are remembered, %d to be read", stale, len(b.unread))
	}
	b.Add(BatchInfo{UID: "last"})
	if info, ok := b.Next(); !ok || info.UID != "last" {
		t.Errorf("got %v, %v", info.UID, ok)
	}
}

// TestRequestedRetryIsRead protects users who removed the cause of a failure: a new value of the annotation queues a batch that waits for its retry, and the
// same value, which every later change of the batch carries, does not.
func TestRequestedRetryIsRead(t *testing.T) {
	t.Parallel()
	b := NewBacklog()
	failed := func(request string) BatchInfo {
		meta := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: "failed", UID: "1", Labels: map[string]string{fastpixv1.FailedLabel: "true"},
			Annotations: map[string]string{fastpixv1.RetryRequestedAtAnnotation: request},
		}}
		return b.InfoOf(meta)
	}
	read := func() bool {
		info, ok := b.Next()
		if ok {
			b.Done()
			b.scheduleRetry(info.UID, &retryState{})
		}
		return ok
	}
	b.Add(failed(""))
	steps := []struct {
		request string
		want    bool
	}{{"", true}, {"", false}, {"now", true}, {"now", false}, {"again", true}, {"", false}}
	for i, step := range steps {
		b.Add(failed(step.request))
		if got := read(); got != step.want {
			t.Errorf("step %d: the batch is read: %v, want %v", i, got, step.want)
		}
	}
	b.Replace([]BatchInfo{failed("after a new list")})
	if !read() {
		t.Error("a request that a list shows is not read")
	}
}
