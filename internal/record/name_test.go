// These tests protect the names of mirrors: two ids never share one, and no id becomes a name that the API server refuses.
package record

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestObjectName(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ id, want string }{
		"a UUID":               {id: "d003b383-bac0-42e9-a039-9bd4360f98a3", want: "d003b383-bac0-42e9-a039-9bd4360f98a3"},
		"a UUID in capitals":   {id: "D003B383-BAC0-42E9-A039-9BD4360F98A3", want: "d003b383-bac0-42e9-a039-9bd4360f98a3"},
		"a stream id":          {id: "6f7553ebbe31a61ea53cda1f69032eb7", want: "6f7553ebbe31a61ea53cda1f69032eb7"},
		"hex in capitals":      {id: "ABCDEF", want: "abcdef"},
		"a label":              {id: "my-media", want: "my-media"},
		"capitals in a label":  {id: "My-Media"},
		"a dot":                {id: "a.b"},
		"a slash":              {id: "../../secrets"},
		"a dash at its end":    {id: "media-"},
		"a dash at its start":  {id: "-media"},
		"longer than a label":  {id: strings.Repeat("a", 64)},
		"a long label":         {id: strings.Repeat("z", 63), want: strings.Repeat("z", 63)},
		"other letters":        {id: "médium"},
		"the form of a hash":   {id: "x-" + strings.Repeat("0", 40)},
		"nearly a hash":        {id: "x-" + strings.Repeat("0", 39), want: "x-" + strings.Repeat("0", 39)},
		"nearly a hash, no id": {id: "x-" + strings.Repeat("g", 40), want: "x-" + strings.Repeat("g", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ObjectName(tc.id)
			if tc.want == "" {
				if !hashed.MatchString(got) {
					t.Errorf("got %q, want a hash", got)
				}
			} else if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(validation.IsDNS1123Label(got)) > 0 {
				t.Errorf("%q is no valid name", got)
			}
		})
	}
}

func TestObjectNamesOfDifferentIDsDiffer(t *testing.T) {
	t.Parallel()
	ids := []string{"a", "A", "a.", "a ", "My-Media", "my-media", "MY-MEDIA", "x", "é", "e"}
	for range 3 { // the name of a name, and its name, as if someone had chosen them for ids
		ids = append(ids, ObjectName(ids[len(ids)-2]))
	}
	seen := map[string]string{}
	for _, id := range ids {
		name := ObjectName(id)
		if other, ok := seen[name]; ok && NormalizeID(other) != NormalizeID(id) {
			t.Errorf("%q and %q share the name %q", other, id, name)
		}
		seen[name] = id
	}
}

func TestUsableID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		strings.Repeat("<", 21): true, strings.Repeat("<", 22): false, strings.Repeat(`"`, 64): true, strings.Repeat(`\`, 65): false,
		strings.Repeat("é", 64): true, "a\u2028": false, "a\u2029": false, "a\u202e": false, "\u200b": false, "a\ufeff": false, "a\u00ad": false,
		"": false, "a": true, strings.Repeat("a", MaxIDBytes): true, strings.Repeat("a", MaxIDBytes+1): false,
		"a\nb": false, "a\x00": false, "a\u0085": false, "a\xff": false, "média": true, " ": true, "../x": true,
	} {
		if got := UsableID(id); got != want {
			t.Errorf("%q: got %v, want %v", id, got, want)
		}
		if written, err := json.Marshal(id); err != nil || want && len(written) > MaxIDBytes+2 {
			t.Errorf("%q takes %d bytes (%v)", id, len(written), err)
		}
	}
}

var (
	hexOrUUID = regexp.MustCompile(`^(?:[0-9A-Fa-f]+|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$`)
	label     = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$`)
	hashed    = regexp.MustCompile(`^x-[0-9a-f]{40}$`)
)

// FuzzObjectName compares the hand-written rules with regular expressions.
func FuzzObjectName(f *testing.F) {
	for _, id := range []string{
		"d003b383-bac0-42e9-a039-9bd4360f98a3", "D003B383-BAC0-42E9-A039-9BD4360F98A3", "abcdef01", "x-" + strings.Repeat("0", 40),
		"My-Media", "a-", "-", "", "é", "d003b383-bac0-42e9-a039-9bd4360f98a3\n", strings.Repeat("a", 64),
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		want := id
		if hexOrUUID.MatchString(id) && !strings.HasSuffix(id, "\n") {
			want = strings.ToLower(id)
		}
		if got := NormalizeID(id); got != want {
			t.Fatalf("NormalizeID(%q): got %q, want %q", id, got, want)
		}
		name := ObjectName(id)
		if label.MatchString(want) && !hashed.MatchString(want) {
			if name != want {
				t.Fatalf("ObjectName(%q): got %q, want %q", id, name, want)
			}
		} else if !hashed.MatchString(name) {
			t.Fatalf("ObjectName(%q): got %q, want a hash", id, name)
		}
		if len(validation.IsDNS1123Label(name)) > 0 {
			t.Fatalf("ObjectName(%q): %q is no valid name", id, name)
		}
	})
}
