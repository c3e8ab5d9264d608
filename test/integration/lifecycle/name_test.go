package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect the names of mirrors. The API server refuses a name that does not follow from the id, and its error contains the right
// name. It accepts every name that the operator uses. The controllers report what the API server cannot check.

// mirrorsNamed returns a mirror of each kind with a name and an id.
func mirrorsNamed(namespace, name, id string) []client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	return []client.Object{
		&fastpixv1.MediaAsset{ObjectMeta: meta, Spec: fastpixv1.MediaAssetSpec{MediaID: id}},
		&fastpixv1.LiveStream{ObjectMeta: meta, Spec: fastpixv1.LiveStreamSpec{StreamID: id}},
	}
}

// drawnIDs returns ids of every form, usable ones only.
func drawnIDs(r *rand.Rand, n int) []string {
	alphabets := map[string]string{
		"hex": "0123456789abcdef", "Hex": "0123456789abcdefABCDEF", "label": "abcxyz019-", "Label": "abcXYZ019-", "punctuated": "ab01-._~:/?#[]@!$&'()*+,;=<>\"\\% ",
		"unicode": "aé漢字🎬İıſKß\u0301١०", "x": "x-0a",
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range alphabets {
			if !yield(name) {
				return
			}
		}
	})
	draw := func(alphabet string, length int) string {
		runes, id := []rune(alphabet), []rune{}
		for range length {
			id = append(id, runes[r.IntN(len(runes))])
		}
		return string(id)
	}
	lengths := []int{1, 2, 8, 32, 36, 39, 40, 41, 42, 43, 62, 63, 64, 65, 100, 127, 128}
	var ids []string
	for len(ids) < n {
		alphabet := alphabets[names[r.IntN(len(names))]]
		id := draw(alphabet, lengths[r.IntN(len(lengths))])
		switch r.IntN(6) {
		case 0: // a UUID, or nearly one
			hexadecimal := alphabets["Hex"]
			id = strings.Join([]string{draw(hexadecimal, 8), draw(hexadecimal, 4), draw(hexadecimal, 4), draw(hexadecimal, 4), draw(hexadecimal, 11+r.IntN(2))}, "-")
		case 1: // the form of a hash, or nearly that
			id = []string{"x-", "X-", "x"}[r.IntN(3)] + draw(alphabets[[]string{"hex", "Hex"}[r.IntN(2)]], 39+r.IntN(3))
		}
		if record.UsableID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestNamesFollowFromIDs compares the rule of the CRDs with the function that names what the operator creates.
func TestNamesFollowFromIDs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	namespace := framework.NewNamespace(t)
	ids := drawnIDs(r, 400)
	framework.InParallel(t, len(ids), func(n int) error { return checkNames(t.Context(), namespace, ids[n]) })
}

// checkNames checks which names the API server accepts for an id.
func checkNames(ctx context.Context, namespace, id string) error {
	var errs []error
	right := record.ObjectName(id)
	for _, spelling := range []string{id, record.NormalizeID(id)} { // users apply either, the operator the second
		for _, o := range mirrorsNamed(namespace, right, spelling) {
			if err := framework.Deployed.Admin.Create(ctx, o, client.DryRunAll); err != nil {
				errs = append(errs, fmt.Errorf("%q under its own name: %w", spelling, err))
			}
		}
	}
	wrong := []string{"another", "a" + right[1:], right + ".b"}
	if !record.IsHashName(right) {
		wrong = append(wrong, hashName(id))
	}
	for _, name := range wrong {
		if name == right || record.IsHashName(name) && record.IsHashName(right) {
			continue
		}
		for _, o := range mirrorsNamed(namespace, name, id) {
			err := framework.Deployed.Admin.Create(ctx, o, client.DryRunAll)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), wantedName(right)) {
				errs = append(errs, fmt.Errorf("%T %q under the name %q: error is %w, want one that says %q", o, id, name, err, wantedName(right)))
			}
		}
	}
	return errors.Join(errs...)
}

func hashName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "x-" + hex.EncodeToString(sum[:])[:40]
}

// wantedName is what the refusal says of the right name.
func wantedName(right string) string {
	if record.IsHashName(right) {
		return `must be x- and the first 40 hex digits of the SHA-256 of this id, because the id cannot be a name; this prints it: echo "x-$(printf %s "$ID" | sha256sum | cut -c1-40)"`
	}
	return "and must be " + right
}

// TestWrongHashIsReported protects a user who applies a hash that is not that of the id: nothing but the controllers can see it, and no event
// reaches the object.
func TestWrongHashIsReported(t *testing.T) {
	const id = "Autumn launch"
	namespace := framework.NewNamespace(t)
	for _, o := range mirrorsNamed(namespace, hashName("another id"), id) {
		framework.Create(t, o)
		framework.Eventually(t, "the condition that says the right name", func(ctx context.Context) error {
			if err := framework.Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			return saysTheRightName(o, record.ObjectName(id))
		})
		// It goes as easily as it came: a rule about names must not refuse a change of what cannot be mended otherwise.
		o.SetLabels(map[string]string{"a": "b"})
		if err := framework.Deployed.Admin.Update(t.Context(), o); err != nil {
			t.Error(err)
		}
		if err := framework.Deployed.Admin.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
}

func saysTheRightName(o client.Object, right string) error {
	conditions := map[string][]string{}
	var all []metav1.Condition
	switch o := o.(type) {
	case *fastpixv1.MediaAsset:
		all = o.Status.Conditions
		conditions[fastpixv1.ReasonNameMismatch] = []string{"Ready=False", "Stalled=True"}
	case *fastpixv1.LiveStream:
		all = o.Status.Conditions
		conditions[fastpixv1.ReasonNameMismatch] = []string{"Live=False", "Ready=False", "Stalled=True"}
	}
	got := map[string][]string{}
	for _, c := range all {
		got[c.Reason] = append(got[c.Reason], c.Type+"="+string(c.Status))
	}
	ready := apimeta.FindStatusCondition(all, fastpixv1.ConditionReady)
	if fmt.Sprint(got) != fmt.Sprint(conditions) || !strings.HasSuffix(ready.Message, "with the name "+right+".") {
		return fmt.Errorf("conditions are %v, want %v and a message with %s", all, conditions, right)
	}
	return nil
}
