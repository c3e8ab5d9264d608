package plan

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect mirrors from a deletion that did not happen on FastPix.

const (
	workspace = "5d0c8d6e-6a0f-4a1e-9a54-3b1c7f2e9d10"
	mediaID   = "d003b383-bac0-42e9-a039-9bd4360f98a3"
	streamID  = "6f7553ebbe31a61ea53cda1f69032eb7"
)

// TestOnlyLivingMirrorsCanBeMissing protects mirrors of what the API never lists: stubs, uploads, and what is over.
func TestOnlyLivingMirrorsCanBeMissing(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{
		"":                       false,
		record.StateWaiting:      false,
		record.StateCancelled:    false,
		record.StateDeleted:      false,
		record.StateCreated:      true,
		"Processing":             true,
		"A word of tomorrow":     true,
		record.StateReady:        true,
		record.StateFailed:       true,
		record.StateIdle:         true,
		record.StateConnected:    true,
		record.StatePreparing:    true,
		record.StateActive:       true,
		record.StateDisconnected: true,
		record.StateDisabled:     true,
	} {
		if got := (Mirror{State: state}).IsLiving(); got != want {
			t.Errorf("state %q: living is %v, want %v", state, got, want)
		}
		if (Mirror{State: state, BecameMediaID: mediaID}).IsLiving() {
			t.Errorf("state %q: an upload that became a media is living", state)
		}
	}
}

// TestMirrorsBelongToTheirWorkspace protects mirrors of other workspaces in the same namespace: the credentials cannot see their objects.
func TestMirrorsBelongToTheirWorkspace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mirror              Mirror
		workspace, endpoint string
		want                bool
	}{
		"the same workspace":                      {Mirror{WorkspaceID: workspace, Endpoint: "fastpix"}, workspace, "fastpix", true},
		"in capitals":                             {Mirror{WorkspaceID: "5D0C8D6E-6A0F-4A1E-9A54-3B1C7F2E9D10"}, workspace, "fastpix", true},
		"in capitals on the other side":           {Mirror{WorkspaceID: workspace}, "5D0C8D6E-6A0F-4A1E-9A54-3B1C7F2E9D10", "fastpix", true},
		"an event that another endpoint received": {Mirror{WorkspaceID: workspace, Endpoint: "other"}, workspace, "fastpix", true},
		"another workspace of the same endpoint":  {Mirror{WorkspaceID: mediaID, Endpoint: "fastpix"}, workspace, "fastpix", false},
		"the workspace is not known":              {Mirror{WorkspaceID: workspace, Endpoint: "fastpix"}, "", "fastpix", false},
		"no workspace, the same endpoint":         {Mirror{Endpoint: "fastpix"}, workspace, "fastpix", true},
		"no workspace, another endpoint":          {Mirror{Endpoint: "other"}, workspace, "fastpix", false},
		"no workspace, no endpoint":               {Mirror{}, workspace, "fastpix", false},
		"no workspace on either side":             {Mirror{}, "", "fastpix", false},
	} {
		if got := tc.mirror.Belongs(tc.workspace, tc.endpoint); got != tc.want {
			t.Errorf("%s: belongs is %v, want %v", name, got, tc.want)
		}
	}
}

// TestWhatCanBeAskedFor protects the run from requests that the API refuses.
func TestWhatCanBeAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mirror Mirror
		want   bool
	}{
		"a media":               {Mirror{Kind: record.MediaAsset, ID: mediaID}, true},
		"a media without UUID":  {Mirror{Kind: record.MediaAsset, ID: "my-media"}, false},
		"a media with hex only": {Mirror{Kind: record.MediaAsset, ID: streamID}, false},
		"a stream":              {Mirror{Kind: record.LiveStream, ID: streamID}, true},
	} {
		if got := tc.mirror.CanBeAsked(); got != tc.want {
			t.Errorf("%s: can be asked for is %v, want %v", name, got, tc.want)
		}
	}
}

// TestManyMissingAreAnAccident checks both bounds of the brake, and both sides of each.
func TestManyMissingAreAnAccident(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		missing, living int
		want            bool
	}{
		{0, 0, false},
		{1, 1, false},
		{10, 10, false},  // all of a few
		{10, 11, false},  //
		{11, 11, true},   // all of a few more
		{11, 109, true},  // just above a tenth
		{11, 110, false}, // a tenth
		{11, 111, false}, // just below a tenth
		{100, 1000, false},
		{101, 1000, true},
		{5000, 50_000, false},
		{5001, 50_000, true},
	} {
		if got := TooManyMissing(tc.missing, tc.living); got != tc.want {
			t.Errorf("%d of %d missing: an accident is %v, want %v", tc.missing, tc.living, got, tc.want)
		}
	}
}

// TestTenthIsExact compares the brake with whole numbers: a fraction must not let one more or one less go.
func TestTenthIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		living := rapid.IntRange(0, 2_000_000).Draw(t, "living")
		missing := max(living/10+rapid.IntRange(-2, 2).Draw(t, "beside a tenth"), 0)
		if got, want := TooManyMissing(missing, living), missing > 10 && 10*missing > living; got != want {
			t.Fatalf("%d of %d missing: an accident is %v, want %v", missing, living, got, want)
		}
	})
}

// TestConfirmationNamesTheNumber protects mirrors from a confirmation that was meant for another number.
func TestConfirmationNamesTheNumber(t *testing.T) {
	t.Parallel()
	for annotation, want := range map[string]bool{
		"37": true, " 37\n": true, "037": true,
		"": false, "36": false, "38": false, "370": false, "-37": false, "37.0": false, "0x25": false, "all": false, "true": false, "37 38": false,
		"99999999999999999999999": false,
	} {
		if got := Confirms(annotation, 37); got != want {
			t.Errorf("the annotation %q confirms 37: %v, want %v", annotation, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.IntRange(0, 1000).Draw(t, "a"), rapid.IntRange(0, 1000).Draw(t, "b")
		if Confirms(fmt.Sprint(a), b) != (a == b) {
			t.Fatalf("%d confirms %d", a, b)
		}
	})
	if Confirms("nothing", 0) || Confirms("", 0) {
		t.Error("an annotation that is no number confirms 0")
	}
}
