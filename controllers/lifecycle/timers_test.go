package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

func TestTimersOfDeletedMirrorsAreRemoved(t *testing.T) {
	t.Parallel()
	source := &queue.Source[record.Key]{}
	handler := NewTimerHandler(NewTimers(), source)
	asset := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: "m1"}}
	asset.Status.TimerTime = &metav1.MicroTime{Time: time.Unix(1_800_000_000, 0)}
	handler.OnAdd(asset, false)
	handler.OnDelete(asset)
	if len(source.Later) != 0 {
		t.Errorf("%d timers of mirrors that are gone are remembered", len(source.Later))
	}
}
