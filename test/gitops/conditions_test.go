package gitops

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

const (
	generation = 3
	week       = 7 * 24 * time.Hour
)

var epoch = time.Date(2026, time.November, 20, 9, 0, 0, 0, time.UTC)

// media returns an asset with a status that has been settled at the given times after the epoch.
func media(status fastpixv1.MediaAssetStatus, after ...time.Duration) *fastpixv1.MediaAsset {
	for _, passed := range after {
		projection.SettleMediaAsset(&status, generation, epoch.Add(passed), week)
	}
	return &fastpixv1.MediaAsset{
		TypeMeta:   metav1.TypeMeta{APIVersion: fastpixv1.GroupVersion.String(), Kind: "MediaAsset"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: "m", Generation: generation},
		Spec:       fastpixv1.MediaAssetSpec{MediaID: "m"},
		Status:     status,
	}
}

// stream is the same of a live stream.
func stream(status fastpixv1.LiveStreamStatus, after ...time.Duration) *fastpixv1.LiveStream {
	for _, passed := range after {
		projection.SettleLiveStream(&status, generation, epoch.Add(passed), week)
	}
	return &fastpixv1.LiveStream{
		TypeMeta:   metav1.TypeMeta{APIVersion: fastpixv1.GroupVersion.String(), Kind: "LiveStream"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: "s", Generation: generation},
		Spec:       fastpixv1.LiveStreamSpec{StreamID: "s"},
		Status:     status,
	}
}

func mediaIn(state string) *fastpixv1.MediaAsset {
	return media(fastpixv1.MediaAssetStatus{State: state}, 0)
}

func streamIn(state string) *fastpixv1.LiveStream {
	return stream(fastpixv1.LiveStreamStatus{State: state}, 0)
}

// misnamedMedia returns an asset whose name does not follow from its id.
func misnamedMedia() *fastpixv1.MediaAsset {
	m := media(fastpixv1.MediaAssetStatus{ObservedGeneration: -1})
	projection.SettleMisnamedMediaAsset(&m.Status, "n", generation, epoch)
	return m
}

// misnamedStream is the same of a live stream.
func misnamedStream() *fastpixv1.LiveStream {
	s := stream(fastpixv1.LiveStreamStatus{ObservedGeneration: -1})
	projection.SettleMisnamedLiveStream(&s.Status, "n", generation, epoch)
	return s
}

// changed gives an object a spec that nobody has looked at yet.
func changed[T metav1.Object](object T) T {
	object.SetGeneration(generation + 1)
	return object
}

// TestConditionsOfMirrors protects the table of the kinds' pages: every row, by the functions that write the conditions.
func TestConditionsOfMirrors(t *testing.T) {
	checks := argoChecks(t, example(t, "argocd/health.yaml"))
	unseen := fastpixv1.MediaAssetStatus{ObservedGeneration: -1}
	waiting := fastpixv1.MediaAssetStatus{State: "Waiting"}
	for name, row := range map[string]struct {
		object     runtime.Object
		wantReason string // of Ready
		want       verdict
	}{
		"media before its first event":        {media(unseen), "", inProgress},
		"media known by its parts only":       {mediaIn(""), "NotSeen", inProgress},
		"media Waiting":                       {mediaIn("Waiting"), "AwaitingUpload", inProgress},
		"media Created":                       {mediaIn("Created"), "Processing", inProgress},
		"media Downloading":                   {mediaIn("Downloading"), "Processing", inProgress},
		"media Processing":                    {mediaIn("Processing"), "Processing", inProgress},
		"media InQueue":                       {mediaIn("InQueue"), "Processing", inProgress},
		"media in a state that nobody knows":  {mediaIn("Splicing"), "Processing", inProgress},
		"media Ready":                         {mediaIn("Ready"), "Ready", healthy},
		"media Ready, with a changed spec":    {changed(mediaIn("Ready")), "Ready", inProgress},
		"media Failed":                        {mediaIn("Failed"), "Failed", failed},
		"media Failed, with a changed spec":   {changed(mediaIn("Failed")), "Failed", inProgress},
		"media Cancelled":                     {mediaIn("Cancelled"), "Cancelled", failed},
		"media Deleted":                       {mediaIn("Deleted"), "Deleted", failed},
		"upload that became another media":    {media(fastpixv1.MediaAssetStatus{State: "Waiting", BecameMediaID: "n"}, 0), "BecameMedia", failed},
		"upload that nobody used":             {media(waiting, 0, 4*time.Hour), "UploadExpired", failed},
		"upload that somebody may use":        {media(waiting, 0, 3*time.Hour), "AwaitingUpload", inProgress},
		"media with a wrong name":             {misnamedMedia(), "NameMismatch", failed},
		"stream with a wrong name":            {misnamedStream(), "NameMismatch", failed},
		"stream before its first event":       {stream(fastpixv1.LiveStreamStatus{ObservedGeneration: -1}), "", inProgress},
		"stream known by its parts only":      {streamIn(""), "NotSeen", inProgress},
		"stream Idle":                         {streamIn("Idle"), "Ready", healthy},
		"stream Connected":                    {streamIn("Connected"), "Ready", healthy},
		"stream Preparing":                    {streamIn("Preparing"), "Ready", healthy},
		"stream Active":                       {streamIn("Active"), "Ready", healthy},
		"stream Active, with a changed spec":  {changed(streamIn("Active")), "Ready", inProgress},
		"stream Disconnected, may come back":  {streamIn("Disconnected"), "Ready", healthy},
		"stream Disconnected, for good":       {stream(fastpixv1.LiveStreamStatus{State: "Disconnected"}, 0, time.Hour), "Ready", healthy},
		"stream in a state that nobody knows": {streamIn("Rehearsing"), "Ready", healthy},
		"stream Disabled":                     {streamIn("Disabled"), "Disabled", failed},
		"stream Deleted":                      {streamIn("Deleted"), "Deleted", failed},
	} {
		t.Run(name, func(t *testing.T) {
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(row.object)
			if err != nil {
				t.Fatal(err)
			}
			if got := readyReason(row.object); got != row.wantReason {
				t.Errorf("the reason of Ready is %q, want %q", got, row.wantReason)
			}
			if got := judge(t, checks, object); got != row.want {
				t.Errorf("it is %v, want %v", got, row.want)
			}
		})
	}
}

func readyReason(object runtime.Object) string {
	var conditions []metav1.Condition
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		conditions = o.Status.Conditions
	case *fastpixv1.LiveStream:
		conditions = o.Status.Conditions
	case *fastpixv1.WebhookEndpoint:
		conditions = o.Status.Conditions
	}
	if c := apimeta.FindStatusCondition(conditions, fastpixv1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

// inRoot returns the path of a file of the operator's module.
func inRoot(t *testing.T, file string) string {
	t.Helper()
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, file)
}

// example returns a file of config/gitops.
func example(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(inRoot(t, filepath.Join("config/gitops", file)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
