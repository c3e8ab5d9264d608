package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect the CRDs: the API server validates what users write, and its errors say what is wrong; identities are immutable; selectors
// and defaults are as documented.

// object reads a spec in YAML and gives it a kind, a namespace and a name.
func object(t *testing.T, kind, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(spec), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(kind))
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// nameByID gives a mirror the name that follows from its id, and leaves other objects as they are.
func nameByID(o *unstructured.Unstructured) {
	for _, field := range []string{"mediaID", "streamID"} {
		if id, _, _ := unstructured.NestedString(o.Object, "spec", field); id != "" {
			o.SetName(record.ObjectName(id))
		}
	}
}

func TestSpecsAreValidated(t *testing.T) {
	const endpoint = "spec: {signingSecrets: [{name: a}], "
	tests := map[string]struct {
		kind, spec string
		want       string // part of the refusal; empty when it must be accepted
	}{
		"endpoint, least":                       {"WebhookEndpoint", endpoint + "}", ""},
		"endpoint, everything":                  {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: K_1.x}, {name: a, key: other}], workspaceID: 5d0c8d6e-6a0f, suspend: true, metadataPolicy: Omit, retention: {deleted: 0s, ready: 1m, failed: 8760h}}", ""},
		"endpoint without spec":                 {"WebhookEndpoint", "{}", "spec: Required value"},
		"endpoint without secrets":              {"WebhookEndpoint", "spec: {}", "spec.signingSecrets: Required value: name at least one signing secret, or set spec.sync"},
		"endpoint with an empty list":           {"WebhookEndpoint", "spec: {signingSecrets: []}", "spec.signingSecrets: Required value: name at least one signing secret, or set spec.sync"},
		"endpoint with nine secrets":            {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}]}", "must have at most 8 items"},
		"endpoint with one key twice":           {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}, {name: a, key: signing-secret}]}", "Duplicate value"},
		"endpoint with a secret without a name": {"WebhookEndpoint", "spec: {signingSecrets: [{key: a}]}", "signingSecrets[0].name: Required value"},
		"endpoint with an impossible name":      {"WebhookEndpoint", "spec: {signingSecrets: [{name: A/b}]}", "signingSecrets[0].name"},
		"endpoint with an impossible key":       {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: a/b}]}", "signingSecrets[0].key"},
		"endpoint with two dots in a name":      {"WebhookEndpoint", "spec: {signingSecrets: [{name: a..b}]}", "signingSecrets[0].name"},
		"endpoint with a dash before a dot":     {"WebhookEndpoint", "spec: {signingSecrets: [{name: a-.b}]}", "signingSecrets[0].name"},
		"endpoint with dots in names":           {"WebhookEndpoint", "spec: {signingSecrets: [{name: a-1.b.c, key: .d.e}]}", ""},
		"endpoint with a key of one dot":        {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: .}]}", "signingSecrets[0].key"},
		"endpoint with a key like a parent":     {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: ..a}]}", "signingSecrets[0].key"},
		"endpoint with a strange workspace":     {"WebhookEndpoint", endpoint + `workspaceID: "a b"}`, "spec.workspaceID"},
		"endpoint with a long workspace":        {"WebhookEndpoint", endpoint + "workspaceID: " + strings.Repeat("a", 65) + "}", "spec.workspaceID"},
		"endpoint with an unknown policy":       {"WebhookEndpoint", endpoint + "metadataPolicy: Keep}", `supported values: "Mirror", "Omit"`},
		"endpoint with an unknown field":        {"WebhookEndpoint", endpoint + "signingSecret: x}", "unknown field"},
		"endpoint with a secret in it":          {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, value: x}]}", "unknown field"},

		"sync, least":                          {"WebhookEndpoint", "spec: {sync: {credentialsSecret: {name: a}}}", ""},
		"sync with an empty list":              {"WebhookEndpoint", "spec: {signingSecrets: [], sync: {credentialsSecret: {name: a}}}", ""},
		"sync, everything":                     {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {name: a-1.b}, interval: 5m, backfill: Existing, createdWithin: 720h, maxObjects: 1}}", ""},
		"sync without credentials":             {"WebhookEndpoint", endpoint + "sync: {interval: 5m}}", "spec.sync.credentialsSecret: Required value"},
		"sync with credentials without a name": {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {}}}", "spec.sync.credentialsSecret.name: Required value"},
		"sync with an impossible name":         {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {name: A/b}}}", "spec.sync.credentialsSecret.name"},
		"sync with credentials in it":          {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {name: a, value: x}}}", "unknown field"},
		"sync with an unknown backfill":        {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {name: a}, backfill: None}}", `supported values: "All", "Existing"`},
		"sync of no object":                    {"WebhookEndpoint", endpoint + "sync: {credentialsSecret: {name: a}, maxObjects: 0}}", "spec.sync.maxObjects"},

		"media, least":                {"MediaAsset", "spec: {mediaID: a}", ""},
		"media with its endpoint":     {"MediaAsset", "spec: {mediaID: A b, endpointRef: {name: fastpix}}", ""},
		"media without an id":         {"MediaAsset", "spec: {}", "spec.mediaID: Required value"},
		"media with an empty id":      {"MediaAsset", `spec: {mediaID: ""}`, "spec.mediaID"},
		"media with many bytes":       {"MediaAsset", "spec: {mediaID: " + strings.Repeat("é", 65) + "}", "mediaID must have at most 128 bytes in UTF-8"},
		"media with a turned id":      {"MediaAsset", `spec: {mediaID: "a\u202eb"}`, "mediaID must not contain invisible characters"},
		"media with a hidden space":   {"MediaAsset", `spec: {mediaID: "a\u200bb"}`, "mediaID must not contain invisible characters"},
		"media with a line in its id": {"MediaAsset", `spec: {mediaID: "a\nb"}`, "mediaID must not contain invisible characters"},
		"media with a paragraph":      {"MediaAsset", `spec: {mediaID: "a\u2029b"}`, "mediaID must not contain invisible characters"},
		"media with a long id":        {"MediaAsset", "spec: {mediaID: " + strings.Repeat("a", 129) + "}", "spec.mediaID"},
		"media with an unknown field": {"MediaAsset", "spec: {mediaID: a, streamID: b}", "unknown field"},

		"stream, least":                {"LiveStream", "spec: {streamID: a}", ""},
		"stream without an id":         {"LiveStream", "spec: {}", "spec.streamID: Required value"},
		"stream with an empty id":      {"LiveStream", `spec: {streamID: ""}`, "spec.streamID"},
		"stream with many bytes":       {"LiveStream", "spec: {streamID: " + strings.Repeat("é", 65) + "}", "streamID must have at most 128 bytes in UTF-8"},
		"stream with a soft hyphen":    {"LiveStream", `spec: {streamID: "a\u00adb"}`, "streamID must not contain invisible characters"},
		"stream with a byte order":     {"LiveStream", `spec: {streamID: "\ufeffb"}`, "streamID must not contain invisible characters"},
		"stream with a long id":        {"LiveStream", "spec: {streamID: " + strings.Repeat("a", 129) + "}", "spec.streamID"},
		"stream with an unknown field": {"LiveStream", "spec: {streamID: a, mediaID: b}", "unknown field"},

		"batch, least":                 {"EventBatch", "spec: {events: [a]}", ""},
		"batch of 256":                 {"EventBatch", "spec: {events: [" + strings.Repeat("a,", 255) + "a]}", ""},
		"batch with the longest event": {"EventBatch", "spec: {events: [" + strings.Repeat("a", 16384) + "]}", ""},
		"batch without events":         {"EventBatch", "spec: {events: []}", "should have at least 1 items"},
		"batch of 257":                 {"EventBatch", "spec: {events: [" + strings.Repeat("a,", 256) + "a]}", "must have at most 256 items"},
		"batch with too long an event": {"EventBatch", "spec: {events: [" + strings.Repeat("a", 16385) + "]}", "spec.events[0]"},
	}
	namespace := framework.NewNamespace(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := object(t, tt.kind, namespace, "validated", tt.spec)
			nameByID(o)
			err := framework.Deployed.Admin.Create(t.Context(), o, client.DryRunAll)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestDurationErrorsNameTheUnits protects users from an error that only a programmer understands: whatever is no duration that the operator
// can use is refused with the units and the bounds.
func TestDurationErrorsNameTheUnits(t *testing.T) {
	const units = "in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	fields := map[string]string{"deleted": "0s", "ready": "1m", "failed": "1m"} // and their least values
	good := []string{
		"1m", "168h", "1h30m", "168h0m0s", "1.5h", "90s", "60000ms", "876000h", "875999h59m59.999999999s", "0h1m0s", "2592000s", "5259600m",
	}
	bad := []string{
		"7d", "1w", "", "h", "-1s", "-168h", "+1h", "876001h", "876000h1ns", "999999h9999999m999999999s", "9999999h", "9223372036854775807h",
		"1h-30m", "30m1h", "1 h", " 168h", "168H", "168", "1e3h", "1.h", "P7D", "7 days", "168h\n", "١h",
	}
	namespace := framework.NewNamespace(t)
	for field, least := range fields {
		try := func(value string, accepted bool) {
			t.Helper()
			o := object(t, "WebhookEndpoint", namespace, "durations", "spec: {signingSecrets: [{name: a}]}")
			if err := unstructured.SetNestedField(o.Object, value, "spec", "retention", field); err != nil {
				t.Fatal(err)
			}
			err := framework.Deployed.Admin.Create(t.Context(), o, client.DryRunAll)
			want := fmt.Sprintf("spec.retention.%s: Invalid value: %q: must be a duration from %s to 876000h %s", field, value, least, units)
			switch {
			case accepted && err != nil:
				t.Errorf("%s %q is refused: %v", field, value, err)
			case accepted:
				if _, err := time.ParseDuration(value); err != nil {
					t.Errorf("%s %q is accepted, and the operator cannot read it: %v", field, value, err)
				}
			case err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "Invalid value") != 1:
				t.Errorf("%s %q: error is %v, want one with %s", field, value, err, want)
			}
		}
		for _, value := range good {
			try(value, true)
		}
		for _, value := range bad {
			try(value, false)
		}
		for _, value := range []string{"0s", "59s", "59.999s", "1ms", "1us", "1µs", "1ns"} {
			try(value, least == "0s")
		}
	}
}

// TestDurationsOfSyncAreBounded protects users and FastPix: an interval is neither so short that the API refuses requests, nor so long that nobody
// notices; and the errors say what is allowed.
func TestDurationsOfSyncAreBounded(t *testing.T) {
	const units = "in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	namespace := framework.NewNamespace(t)
	for field, tt := range map[string]struct {
		good, bad []string
		bounds    string
	}{
		"interval": {
			[]string{"5m", "300s", "1h", "1h30m", "168h", "10080m"},
			[]string{"30s", "4m59s", "0s", "-1h", "168h1s", "7d", "1w", "", "5"}, "from 5m to 168h",
		},
		"createdWithin": {
			[]string{"1ns", "1s", "720h", "876000h"},
			[]string{"0s", "0h0m", "-1h", "876001h", "30d", "", "720"}, "of more than 0s and at most 876000h",
		},
	} {
		try := func(value string) error {
			t.Helper()
			o := object(t, "WebhookEndpoint", namespace, "durations", "spec: {sync: {credentialsSecret: {name: a}}}")
			if err := unstructured.SetNestedField(o.Object, value, "spec", "sync", field); err != nil {
				t.Fatal(err)
			}
			return framework.Deployed.Admin.Create(t.Context(), o, client.DryRunAll)
		}
		for _, value := range tt.good {
			if err := try(value); err != nil {
				t.Errorf("%s %q is refused: %v", field, value, err)
			}
		}
		for _, value := range tt.bad {
			want := fmt.Sprintf("spec.sync.%s: Invalid value: %q: must be a duration %s %s", field, value, tt.bounds, units)
			if err := try(value); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: error is %v, want one with %s", field, value, err, want)
			}
		}
	}
}

func TestIdentitiesAreImmutable(t *testing.T) {
	tests := map[string]struct {
		kind, before, after string
		want                string // part of the refusal; empty when the change is allowed
	}{
		"media to another media":                  {"MediaAsset", "spec: {mediaID: a}", "spec: {mediaID: b}", "mediaID is immutable"},
		"media to another endpoint":               {"MediaAsset", "spec: {mediaID: a}", "spec: {mediaID: a, endpointRef: {name: e}}", ""},
		"stream to another stream":                {"LiveStream", "spec: {streamID: a}", "spec: {streamID: b}", "streamID is immutable"},
		"batch gets another event":                {"EventBatch", "spec: {events: [a]}", "spec: {events: [b]}", "spec is immutable"},
		"batch gets one more event":               {"EventBatch", "spec: {events: [a]}", "spec: {events: [a, b]}", "spec is immutable"},
		"endpoint without sync loses its secrets": {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}]}", "spec: {signingSecrets: []}", "name at least one signing secret, or set spec.sync"},
		"endpoint takes webhooks no more":         {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}]}", "spec: {sync: {credentialsSecret: {name: b}}}", ""},
		"endpoint that polls loses sync":          {"WebhookEndpoint", "spec: {sync: {credentialsSecret: {name: b}}}", "spec: {}", "name at least one signing secret, or set spec.sync"},
		"endpoint to another secret":              {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}]}", "spec: {signingSecrets: [{name: b}]}", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// Not in the operator's namespace: a batch is only a batch there.
			o := object(t, tt.kind, framework.NewNamespace(t), "immutable", tt.before)
			nameByID(o)
			framework.Create(t, o)
			changed := object(t, tt.kind, o.GetNamespace(), o.GetName(), tt.after)
			err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the receiver writes the endpoint's status meanwhile
				if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
					return err
				}
				changed.SetResourceVersion(o.GetResourceVersion())
				return framework.Deployed.Admin.Update(t.Context(), changed.DeepCopyObject().(client.Object), client.DryRunAll)
			})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	namespace := framework.NewNamespace(t)
	tests := map[string]struct {
		kind, spec string
		want       map[string]string // by path, dot-separated
	}{
		"endpoint": {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}], retention: {}}", map[string]string{
			"spec.metadataPolicy": "Mirror", "spec.retention.deleted": "168h", "status.observedGeneration": "-1",
		}},
		"sync": {"WebhookEndpoint", "spec: {sync: {credentialsSecret: {name: a}}}", map[string]string{
			"spec.sync.interval": "1h", "spec.sync.backfill": "All", "spec.sync.maxObjects": "50000", "spec.sync.createdWithin": "<nil>", "spec.signingSecrets": "<nil>",
		}},
		"endpoint without sync": {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}]}", map[string]string{"spec.sync": "<nil>", "status.sync": "<nil>"}},
		"media":                 {"MediaAsset", "spec: {mediaID: a}", map[string]string{"status.observedGeneration": "-1"}},
		"stream":                {"LiveStream", "spec: {streamID: a}", map[string]string{"status.observedGeneration": "-1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := object(t, tt.kind, namespace, "defaulted", tt.spec)
			nameByID(o)
			if err := framework.Deployed.Admin.Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			for path, want := range tt.want {
				got, _, err := unstructured.NestedFieldNoCopy(o.Object, strings.Split(path, ".")...)
				if err != nil || fmt.Sprint(got) != want {
					t.Errorf("%s is %v, want %s (%v)", path, got, want, err)
				}
			}
		})
	}
}

func TestObjectsAreSelectableByEndpoint(t *testing.T) {
	namespace := framework.NewNamespace(t)
	for _, name := range []string{"a", "b"} {
		framework.Create(t, object(t, "MediaAsset", namespace, name, "spec: {mediaID: "+name+", endpointRef: {name: of-"+name+"}}"))
		framework.Create(t, object(t, "LiveStream", namespace, name, "spec: {streamID: "+name+", endpointRef: {name: of-"+name+"}}"))
	}
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		// A status that is not written yet is selected as empty.
		for _, selector := range []client.MatchingFields{
			{"spec.endpointRef.name": "of-b"},
			{"spec.endpointRef.name": "of-b", "status.state": "", "status.timer": ""},
		} {
			if err := framework.Deployed.Admin.List(t.Context(), list, client.InNamespace(namespace), selector); err != nil {
				t.Fatal(err)
			}
			if names := framework.Names(t, list); !slices.Equal(names, []string{"b"}) {
				t.Errorf("%T selected by %v are %v", list, selector, names)
			}
		}
	}
}
