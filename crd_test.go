// These tests protect the schemas: what a user may write is checked by the API server itself, with an error that says what
// is wrong; identities do not change; and what the documentation promises of selectors and defaults is so.
package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

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

func TestSpecsAreValidated(t *testing.T) {
	const endpoint = "spec: {signingSecrets: [{name: a}], "
	tests := map[string]struct {
		kind, spec string
		want       string // part of the refusal; empty when it must be accepted
	}{
		"endpoint, least":                       {"WebhookEndpoint", endpoint + "}", ""},
		"endpoint, everything":                  {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: K_1.x}, {name: a, key: other}], workspaceID: 5d0c8d6e-6a0f, suspend: true, metadataPolicy: Omit, retention: {deleted: 0s, ready: 1m, failed: 8760h}}", ""},
		"endpoint without spec":                 {"WebhookEndpoint", "{}", "spec: Required value"},
		"endpoint without secrets":              {"WebhookEndpoint", "spec: {}", "spec.signingSecrets: Required value"},
		"endpoint with an empty list":           {"WebhookEndpoint", "spec: {signingSecrets: []}", "should have at least 1 items"},
		"endpoint with nine secrets":            {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}]}", "must have at most 8 items"},
		"endpoint with one key twice":           {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}, {name: a, key: signing-secret}]}", "Duplicate value"},
		"endpoint with a secret without a name": {"WebhookEndpoint", "spec: {signingSecrets: [{key: a}]}", "signingSecrets[0].name: Required value"},
		"endpoint with an impossible name":      {"WebhookEndpoint", "spec: {signingSecrets: [{name: A/b}]}", "signingSecrets[0].name"},
		"endpoint with an impossible key":       {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, key: a/b}]}", "signingSecrets[0].key"},
		"endpoint with a strange workspace":     {"WebhookEndpoint", endpoint + `workspaceID: "a b"}`, "spec.workspaceID"},
		"endpoint with a long workspace":        {"WebhookEndpoint", endpoint + "workspaceID: " + strings.Repeat("a", 65) + "}", "spec.workspaceID"},
		"endpoint with an unknown policy":       {"WebhookEndpoint", endpoint + "metadataPolicy: Keep}", `supported values: "Mirror", "Omit"`},
		"endpoint with negative retention":      {"WebhookEndpoint", endpoint + "retention: {deleted: -1s}}", "must not be negative"},
		"endpoint with too short retention":     {"WebhookEndpoint", endpoint + "retention: {ready: 59s}}", "at least 1m"},
		"endpoint with too short for failures":  {"WebhookEndpoint", endpoint + "retention: {failed: 0s}}", "at least 1m"},
		"endpoint with retention in days":       {"WebhookEndpoint", endpoint + "retention: {deleted: 7d}}", "spec.retention.deleted"},
		"endpoint with an unknown field":        {"WebhookEndpoint", endpoint + "signingSecret: x}", "unknown field"},
		"endpoint with a secret in it":          {"WebhookEndpoint", "spec: {signingSecrets: [{name: a, value: x}]}", "unknown field"},

		"media, least":                {"MediaAsset", "spec: {mediaID: a}", ""},
		"media with its endpoint":     {"MediaAsset", "spec: {mediaID: A b, endpointRef: {name: fastpix}}", ""},
		"media without an id":         {"MediaAsset", "spec: {}", "spec.mediaID: Required value"},
		"media with an empty id":      {"MediaAsset", `spec: {mediaID: ""}`, "spec.mediaID"},
		"media with a long id":        {"MediaAsset", "spec: {mediaID: " + strings.Repeat("a", 129) + "}", "spec.mediaID"},
		"media with an unknown field": {"MediaAsset", "spec: {mediaID: a, streamID: b}", "unknown field"},

		"stream, least":                {"LiveStream", "spec: {streamID: a}", ""},
		"stream without an id":         {"LiveStream", "spec: {}", "spec.streamID: Required value"},
		"stream with an empty id":      {"LiveStream", `spec: {streamID: ""}`, "spec.streamID"},
		"stream with a long id":        {"LiveStream", "spec: {streamID: " + strings.Repeat("a", 129) + "}", "spec.streamID"},
		"stream with an unknown field": {"LiveStream", "spec: {streamID: a, mediaID: b}", "unknown field"},

		"batch, least":                 {"EventBatch", "spec: {events: [a]}", ""},
		"batch of 256":                 {"EventBatch", "spec: {events: [" + strings.Repeat("a,", 255) + "a]}", ""},
		"batch with the longest event": {"EventBatch", "spec: {events: [" + strings.Repeat("a", 16384) + "]}", ""},
		"batch without events":         {"EventBatch", "spec: {events: []}", "should have at least 1 items"},
		"batch of 257":                 {"EventBatch", "spec: {events: [" + strings.Repeat("a,", 256) + "a]}", "must have at most 256 items"},
		"batch with too long an event": {"EventBatch", "spec: {events: [" + strings.Repeat("a", 16385) + "]}", "spec.events[0]"},
	}
	namespace := newNamespace(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := object(t, tt.kind, namespace, "validated", tt.spec)
			err := deployment.admin.Create(t.Context(), o, client.DryRunAll)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestIdentitiesAreImmutable(t *testing.T) {
	tests := map[string]struct {
		kind, before, after string
		want                string // part of the refusal; empty when the change is allowed
	}{
		"media to another media":     {"MediaAsset", "spec: {mediaID: a}", "spec: {mediaID: b}", "mediaID is immutable"},
		"media to another endpoint":  {"MediaAsset", "spec: {mediaID: a}", "spec: {mediaID: a, endpointRef: {name: e}}", ""},
		"stream to another stream":   {"LiveStream", "spec: {streamID: a}", "spec: {streamID: b}", "streamID is immutable"},
		"batch gets another event":   {"EventBatch", "spec: {events: [a]}", "spec: {events: [b]}", "spec is immutable"},
		"batch gets one more event":  {"EventBatch", "spec: {events: [a]}", "spec: {events: [a, b]}", "spec is immutable"},
		"endpoint to another secret": {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}]}", "spec: {signingSecrets: [{name: b}]}", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// Not in the operator's namespace: a batch is only a batch there.
			o := object(t, tt.kind, newNamespace(t), "immutable", tt.before)
			create(t, o)
			changed := object(t, tt.kind, o.GetNamespace(), o.GetName(), tt.after)
			err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the receiver writes the endpoint's status meanwhile
				if err := deployment.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
					return err
				}
				changed.SetResourceVersion(o.GetResourceVersion())
				return deployment.admin.Update(t.Context(), changed.DeepCopyObject().(client.Object), client.DryRunAll)
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
	namespace := newNamespace(t)
	tests := map[string]struct {
		kind, spec string
		want       map[string]string // by path, dot-separated
	}{
		"endpoint": {"WebhookEndpoint", "spec: {signingSecrets: [{name: a}], retention: {}}", map[string]string{
			"spec.metadataPolicy": "Mirror", "spec.retention.deleted": "168h", "status.observedGeneration": "-1",
		}},
		"media":  {"MediaAsset", "spec: {mediaID: a}", map[string]string{"status.observedGeneration": "-1"}},
		"stream": {"LiveStream", "spec: {streamID: a}", map[string]string{"status.observedGeneration": "-1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := object(t, tt.kind, namespace, "defaulted", tt.spec)
			if err := deployment.admin.Create(t.Context(), o, client.DryRunAll); err != nil {
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
	namespace := newNamespace(t)
	for _, name := range []string{"a", "b"} {
		create(t, object(t, "MediaAsset", namespace, name, "spec: {mediaID: "+name+", endpointRef: {name: of-"+name+"}}"))
		create(t, object(t, "LiveStream", namespace, name, "spec: {streamID: "+name+", endpointRef: {name: of-"+name+"}}"))
	}
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		// A status that nobody has written yet is selected as empty.
		for _, selector := range []client.MatchingFields{
			{"spec.endpointRef.name": "of-b"},
			{"spec.endpointRef.name": "of-b", "status.state": "", "status.timer": ""},
		} {
			if err := deployment.admin.List(t.Context(), list, client.InNamespace(namespace), selector); err != nil {
				t.Fatal(err)
			}
			if names := names(t, list); !slices.Equal(names, []string{"b"}) {
				t.Errorf("%T selected by %v are %v", list, selector, names)
			}
		}
	}
}
