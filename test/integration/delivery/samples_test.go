package delivery

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect the samples that are part of no scenario: bodies in older shapes and other spellings, bodies of unknown types, and probes.
// The expected results are written by hand.

const (
	playbackOfOldStream = "a699dfa7-7364-45fd-878d-f7f1ee32c85a"
	oldStream           = "a2ae2143-62a1-4eee-b888-4f1406148481"
)

// sampleCase is one sample, delivered after others.
type sampleCase struct {
	after []string
	want  []fixtures.Mirror // nil: nothing changes
}

var sampleCases = map[string]sampleCase{
	"variant.live.old-doc-shape.json": {want: []fixtures.Mirror{framework.StreamOf(oldStream, "Idle", framework.ReadyStatus, "True", "{.status.reconnectWindow}", "1m0s", "{.status.maxDuration}", "8h0m0s",
		"{.status.createdTime}", "2023-12-06T09:12:28.000000Z", "{.status.playbackIDs[*].id}", playbackOfOldStream, "{.status.playbackIDs[*].accessPolicy}", "public",
		"{.status.workspaceID}", "7c07598b-2d3e-4f50-9a1b-2c3d4e5f6071")}},
	"variant.live.object-name-and-capital-workspace.json": {after: []string{"video.live_stream.created.json"}, want: []fixtures.Mirror{framework.StreamOf(fixtures.Stream, "Active", framework.LiveStatus, "True",
		"{.status.mediaPolicy}", "public", "{.status.playbackIDs[*].id}", playbackOfOldStream, "{.status.recordingEnabled}", "true", "{.status.metadata.key1}", "value1")}},
	"variant.live.object-type-live-stream.json": {after: []string{"video.live_stream.created.json"}, want: []fixtures.Mirror{framework.StreamOf(fixtures.Stream, "Idle", framework.LiveStatus, "False", "{.status.metadata.name}", "Town hall")}},
	"variant.media.object-type-video.media-occurredAt.json": {after: []string{"video.media.created.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", framework.ReadyStatus, "True", "{.status.duration}", "1m34.5s",
		"{.status.lastEvent.time}", "2026-11-20T09:01:12.000000Z")}},
	"variant.media.ms-createdAt-status-media_created-on-updated.json": {after: []string{"video.media.created.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", framework.ReadyStatus, "True", "{.status.sourceResolution}", "1080p")}},
	"variant.media.no-playbackIds-on-ready.json": {after: []string{"video.upload.media_created.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.UploadB, "Ready", framework.ReadyStatus, "True", "{.status.duration}", "12m7s",
		"{.status.playbackIDs[*].accessPolicy}", "public")}},
	"variant.media.old-upload-created.json": {want: []fixtures.Mirror{framework.AssetOf(fixtures.UploadB, "Waiting", "{.status.uploadID}", fixtures.UploadB, "{.status.timer}", "Upload", "{.status.playbackIDs}", "")}},
	"variant.media.old-upload-media_created.json": {want: []fixtures.Mirror{framework.AssetOf(fixtures.UploadB, "Created", "{.status.duration}", "12m7.48s", "{.status.aspectRatio}", "16:9", "{.status.maxResolution}", "1080p",
		"{.status.tracks[*].type}", "audio video")}},
	"variant.track.full-media-shape.json":                          {after: []string{"video.media.ready.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", `{.status.tracks[?(@.languageCode=="it")].state}`, "Available", "{.status.tracks[*].type}", "video audio audio")}},
	"variant.type-spelling.video.mediaAI.namedEntities.ready.json": {after: []string{"video.media.ready.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", "{.status.ai.namedEntities.availability}", "Available")}},
	"variant.type-spelling.video.media.ai.moderation.ready.json":   {after: []string{"video.media.ready.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", "{.status.ai.moderation.availability}", "Available")}},
	"variant.type-spelling.video.media.subtitle.generated.json":    {after: []string{"video.media.ready.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", "{.status.subtitles[*].languageCode}", "en-US", "{.status.subtitles[*].state}", "Available")}},
	"variant.flat-workspaceId.json": {after: []string{"video.media.created.json"}, want: []fixtures.Mirror{framework.AssetOf(fixtures.MediaA, "Ready", "{.status.lastEvent.id}", "066152fe-dc69-4e58-8c1f-6122e5632e78",
		"{.status.workspaceID}", "5d0c8d6e-6a0f-4a1e-9a54-3b1c7f2e9d10")}},
	// An integration's guess that the design takes up: both ends of the link, and no state.
	"inferred.video.live_stream.recording.ready.json": {after: []string{"video.live_stream.idle.json"}, want: []fixtures.Mirror{
		framework.StreamOf(fixtures.Stream, "Idle", framework.LiveStatus, "False", "{.status.recordings[*].mediaID}", fixtures.Recording),
		framework.AssetOf(fixtures.Recording, "", framework.ReadyStatus, "Unknown", "{.status.streamID}", fixtures.Stream)}},

	"variant.unknown-type.json":                  {after: []string{"video.media.ready.json"}},
	"inferred.video.media.outro.ready.json":      {after: []string{"video.media.ready.json"}},
	"inferred.video.media.watermark.ready.json":  {after: []string{"video.media.ready.json"}},
	"inferred.video.mediaAI.summary.failed.json": {after: []string{"video.media.ready.json"}},
	"inferred.video.playback_id.created.json":    {after: []string{"video.media.ready.json"}},
	"inferred.video.live_stream.enabled.json":    {after: []string{"video.live_stream.disabled.json"}},
	"probe.empty-object.json":                    {after: []string{"video.media.ready.json"}},
	"probe.no-id-no-type.json":                   {after: []string{"video.media.ready.json"}},
}

func TestSamplesOutsideScenarios(t *testing.T) {
	for name, tc := range sampleCases {
		t.Run(name, func(t *testing.T) {
			e := framework.NewEndpoint(t)
			for _, before := range tc.after {
				e.MustDeliver(t, fixtures.Payload(before))
			}
			framework.WaitJournalEmpty(t)
			before := versions(t, e)
			e.MustDeliver(t, fixtures.Payload(name))
			framework.WaitJournalEmpty(t)
			for _, want := range tc.want {
				if err := controlplane.CheckMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
					t.Error(err)
				}
			}
			if after := versions(t, e); tc.want == nil && !slices.Equal(before, after) {
				t.Errorf("mirrors are %v, were %v", after, before)
			}
		})
	}
}

func TestEverySampleIsTested(t *testing.T) {
	t.Parallel()
	inScenario := map[string]bool{}
	for _, step := range fixtures.Steps() {
		inScenario[step.File] = true
	}
	for _, name := range fixtures.Payloads() {
		if _, ok := sampleCases[name]; ok == inScenario[name] {
			t.Errorf("%s: in a scenario: %v, in a case of its own: %v", name, inScenario[name], ok)
		}
	}
}

// versions returns every mirror of the endpoint's namespace with the version of its last write.
func versions(t *testing.T, e framework.Endpoint) []string {
	t.Helper()
	var assets fastpixv1.MediaAssetList
	var streams fastpixv1.LiveStreamList
	var all []string
	for _, list := range []client.ObjectList{&assets, &streams} {
		if err := framework.Deployed.Admin.List(t.Context(), list, client.InNamespace(e.Namespace)); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range assets.Items {
		all = append(all, a.Name+"@"+a.ResourceVersion)
	}
	for _, s := range streams.Items {
		all = append(all, s.Name+"@"+s.ResourceVersion)
	}
	slices.Sort(all)
	return all
}

// TestOddBodies protects the answers to bodies that only tests send, signed well: whatever is wrong with one field costs that field, and
// what is no event is refused without a trace.
func TestOddBodies(t *testing.T) {
	e := framework.NewEndpoint(t)
	id, _ := framework.NewAsset()
	event := func(data string) string {
		return `{"type":"video.media.ready","object":{"type":"media","id":"` + id + `"},"createdAt":"2026-11-20T09:00:00Z","data":` + data + `}`
	}
	for name, tc := range map[string]struct {
		body string
		want int
	}{
		"fields of wrong types":     {event(`{"title":5,"duration":{},"tracks":"none","playbackIds":7,"metadata":"x","frameRate":[],"createdAt":true,"mp4Support":{"type":5}}`), 200},
		"numbers as texts":          {event(`{"duration":"12.5","isAudioOnly":"false","tracks":[{"id":"t1","width":"1920"}]}`), 200},
		"keys that come twice":      {event(`{"mediaQuality":"basic","mediaQuality":"pro"}`), 200},
		"deep nesting":              {event(`{"x":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`), 200},
		"text that is not UTF-8":    {event("{\"maxResolution\":\"\xff\"}"), 200},
		"numbers without end":       {event(`{"duration":1e999,"x":-1e-999}`), 200},
		"a byte order mark":         {"\uFEFF" + event(`{}`), 200},
		"data that is a list":       {event(`[{"aspectRatio":"16:9"}]`), 200},
		"data that is null":         {event(`null`), 200},
		"no object":                 {`{"type":"video.media.ready","data":{"id":"` + id + `"}}`, 200},
		"garbage behind":            {event(`{}`) + "x", 400},
		"two events":                {event(`{}`) + event(`{}`), 400},
		"a list of events":          {"[" + event(`{}`) + "]", 400},
		"no resource":               {`{"type":"video.media.ready","data":{}}`, 400},
		"an id that cannot be used": {`{"type":"video.media.ready","data":{"id":"` + strings.Repeat("x", 129) + `"}}`, 400},
	} {
		code, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), []byte(tc.body), fixtures.Sign(fixtures.SigningSecret, []byte(tc.body)))
		if err != nil || code != tc.want {
			t.Errorf("%s: answer %d (%v), want %d", name, code, err, tc.want)
		}
	}
	unsafe := "../<b>/Unsafe \"id\""
	body := []byte(`{"type":"video.media.ready","data":{"id":"../<b>/Unsafe \"id\""}}`)
	if code, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil || code != http.StatusOK {
		t.Errorf("an unsafe id: answer %d (%v)", code, err)
	}
	framework.WaitJournalEmpty(t)
	for _, want := range []fixtures.Mirror{
		framework.AssetOf(id, "Ready", framework.ReadyStatus, "True", "{.status.duration}", "12.5s", "{.status.aspectRatio}", "16:9", "{.status.mediaQuality}", "pro", "{.status.title}", "", "{.status.tracks[*].width}", "1920", "{.status.playbackIDs}", ""),
		framework.AssetOf(unsafe, "Ready", "{.spec.mediaID}", unsafe),
	} {
		if err := controlplane.CheckMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
			t.Error(err)
		}
	}
}
