package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Collect adds every mirror of a namespace to found.
func Collect(ctx context.Context, c client.Reader, namespace string, found map[record.Key]any) error {
	var media fastpixv1.MediaAssetList
	if err := c.List(ctx, &media, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range media.Items {
		found[record.Key{Kind: record.MediaAsset, Namespace: namespace, Name: media.Items[i].Name}] = &media.Items[i]
	}
	var streams fastpixv1.LiveStreamList
	if err := c.List(ctx, &streams, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range streams.Items {
		found[record.Key{Kind: record.LiveStream, Namespace: namespace, Name: streams.Items[i].Name}] = &streams.Items[i]
	}
	return nil
}

// Compare compares one mirror with what its records make of it. It returns a description of the difference, empty if there is none, and of how many
// acknowledged events the mirror shows nothing. A mirror that does not exist is neither a MediaAsset nor a LiveStream.
func Compare(key record.Key, records []*record.Record, mirror any) (difference string, lost int) {
	id := IDOf(key, records)
	ref := fastpixv1.EndpointReference{Name: records[0].Endpoint} // there is one in each namespace
	var got, want string
	var seen, due []fastpixv1.EventLine
	switch m := mirror.(type) {
	case *fastpixv1.MediaAsset:
		wanted := projection.MediaAsset(fastpixv1.MediaAssetStatus{ObservedGeneration: -1}, id, records)
		projection.SettleMediaAsset(&wanted, m.Generation, time.Now(), time.Hour)
		got = Text(m.Spec, mediaOnly(m.Status))
		want = Text(fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: ref}, mediaOnly(wanted))
		seen, due = m.Status.RecentEvents, wanted.RecentEvents
	case *fastpixv1.LiveStream:
		wanted := projection.LiveStream(fastpixv1.LiveStreamStatus{ObservedGeneration: -1}, id, records)
		projection.SettleLiveStream(&wanted, m.Generation, time.Now(), time.Hour)
		got = Text(m.Spec, streamOnly(m.Status))
		want = Text(fastpixv1.LiveStreamSpec{StreamID: id, EndpointRef: ref}, streamOnly(wanted))
		seen, due = m.Status.RecentEvents, wanted.RecentEvents
	default:
		return fmt.Sprintf("%s does not exist, %d acknowledged events are about it", key, len(records)), len(records)
	}
	if got == want {
		return "", 0
	}
	difference = diff.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
	return fmt.Sprintf("%s is not what its %d events make of it:\n%s", key, len(records), difference), max(1, missing(seen, due))
}

// LastingText returns a mirror as text, without what depends on the clock. It is empty if the mirror does not exist.
func LastingText(mirror any) string {
	switch m := mirror.(type) {
	case *fastpixv1.MediaAsset:
		status := mediaOnly(m.Status)
		status.Conditions = nil
		return Text(m.Spec, status)
	case *fastpixv1.LiveStream:
		status := streamOnly(m.Status)
		status.Conditions = nil
		return Text(m.Spec, status)
	}
	return ""
}

// IDOf returns the id of the object that records are about, as FastPix spells it.
func IDOf(key record.Key, records []*record.Record) string {
	for i := range records[0].Changes {
		if records[0].Key(i) == key {
			return records[0].Changes[i].ID
		}
	}
	panic("a record about another object")
}

// missing counts the newest events that a mirror does not show.
func missing(seen, due []fastpixv1.EventLine) int {
	n := 0
	for _, e := range due {
		if !slices.ContainsFunc(seen, func(s fastpixv1.EventLine) bool { return s.Event().ID == e.Event().ID }) {
			n++
		}
	}
	return n
}

// mediaOnly leaves out what depends on the clock.
func mediaOnly(s fastpixv1.MediaAssetStatus) fastpixv1.MediaAssetStatus {
	s.Timer, s.TimerTime, s.Conditions = "", nil, timeless(s.Conditions)
	return s
}

func streamOnly(s fastpixv1.LiveStreamStatus) fastpixv1.LiveStreamStatus {
	s.Timer, s.TimerTime, s.Conditions = "", nil, timeless(s.Conditions)
	return s
}

func timeless(conditions []metav1.Condition) []metav1.Condition {
	var kept []metav1.Condition
	for _, c := range conditions {
		if c.Type != fastpixv1.ConditionLive {
			c.LastTransitionTime = metav1.Time{}
			kept = append(kept, c)
		}
	}
	return kept
}

// Text returns a spec and a status as text in which equal ones are equal.
func Text(spec, status any) string {
	b, err := json.Marshal(map[string]any{"spec": spec, "status": status})
	if err == nil {
		b, err = yaml.JSONToYAML(b)
	}
	if err != nil {
		panic(fmt.Sprintf("write a mirror: %v", err))
	}
	return string(b)
}
