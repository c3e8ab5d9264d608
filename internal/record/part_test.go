package record

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPartHoldsSomeChanges protects retries: a part of a record is a valid record with the same event, and no other object.
func TestPartHoldsSomeChanges(t *testing.T) {
	t.Parallel()
	title := "a \u003c title"
	whole := &Record{
		Version: 1, ID: "e1", Type: "video.media.live_stream.created", Time: new(metav1.NewMicroTime(time.Unix(1, 2000))),
		Received: metav1.NewMicroTime(time.Unix(2, 0)), Namespace: "video", Endpoint: "fastpix", EndpointUID: "uid", Fingerprint: "0badcafe",
		Changes: []Change{
			{Kind: MediaAsset, ID: "m1", Media: &MediaChange{State: "Created", Title: &title}},
			{Kind: LiveStream, ID: "s1", Stream: &StreamChange{State: "Idle"}},
		},
	}
	s, err := Encode(whole)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := Part(s, []int{0, 1}); err != nil || all != s {
		t.Errorf("all parts are %q (%v)", all, err)
	}
	for i := range whole.Changes {
		part, err := Part(s, []int{i})
		if err != nil {
			t.Fatal(err)
		}
		one := *whole
		one.Changes = whole.Changes[i : i+1]
		want, err := Encode(&one)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(part); err != nil || part != want || got.Key(0) != whole.Key(i) {
			t.Errorf("part %d is %s (%v), want %s", i, part, err, want)
		}
	}
	if _, err := Part(`{"v":3}`, []int{0}); err == nil {
		t.Error("there is a part of a record that cannot be read")
	}
}
