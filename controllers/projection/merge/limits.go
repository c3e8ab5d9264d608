package merge

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// The limits of the schema, in characters and elements. The receiver cuts longer values, and this package cuts them again: the API server would refuse
// a status that is too long at every attempt.
const (
	MaxID           = 128
	maxType         = 64
	MaxState        = 64
	MaxText         = 512
	MaxWord         = 32
	MaxLanguage     = 64
	MaxLanguageName = 128
	MaxMP4Support   = 128
	MaxURL          = 512
	maxMetadata     = 32
	maxMetadataKey  = 128
	MaxSummary      = 2048
	maxFindings     = 32
	MaxFinding      = 128
	MaxCategory     = 64
	maxRule         = 16
	maxRuleEntry    = 128
	MaxElements     = 64
	MaxTombstones   = 64
	maxRecent       = 10

	// maxRestrictionsBytes bounds the JSON of one playback id's restrictions. The schema alone would allow 64 times as many characters as an object
	// may have in all.
	maxRestrictionsBytes = 1024
)

// Cut returns the first characters of s, as valid UTF-8.
func Cut(s string, characters int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	if len(s) <= characters {
		return s
	}
	n := 0
	for i := range s {
		if n == characters {
			return strings.Clone(s[:i])
		}
		n++
	}
	return s
}

// cutEach returns the first elements of a list, each cut by fit, in a new slice; nil if the list is empty.
func cutEach[T any](list []T, elements int, fit func(T) T) []T {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list[:min(len(list), elements)])
	for i := range list {
		list[i] = fit(list[i])
	}
	return list
}

// cutMetadata returns a copy with the first keys in alphabetical order; nil if the map is empty.
func cutMetadata(m map[string]fastpixv1.MetadataValue) map[string]fastpixv1.MetadataValue {
	var out map[string]fastpixv1.MetadataValue
	for _, key := range slices.Sorted(maps.Keys(m)) {
		short := Cut(key, maxMetadataKey)
		if _, taken := out[short]; taken {
			continue
		}
		if len(out) == maxMetadata {
			break
		}
		if out == nil {
			out = make(map[string]fastpixv1.MetadataValue, len(m))
		}
		out[short] = fastpixv1.MetadataValue(Cut(string(m[key]), MaxText))
	}
	return out
}

// CutRestrictions returns a copy with as many entries as fit; nil if it is empty.
func CutRestrictions(r *fastpixv1.AccessRestrictions) *fastpixv1.AccessRestrictions {
	if r == nil || r.Domains == nil && r.UserAgents == nil {
		return nil
	}
	out := &fastpixv1.AccessRestrictions{Domains: cutRule(r.Domains), UserAgents: cutRule(r.UserAgents)}
	for size := jsonBytes(out); size > maxRestrictionsBytes; {
		longest := longestList(out)
		last := len(*longest) - 1
		size -= jsonBytes((*longest)[last]) + len(",")
		*longest = slices.Delete(*longest, last, last+1)
		if last == 0 {
			*longest = nil
		}
	}
	return out
}

func cutRule(r *fastpixv1.AccessRule) *fastpixv1.AccessRule {
	if r == nil {
		return nil
	}
	entry := func(s string) string { return Cut(s, maxRuleEntry) }
	return &fastpixv1.AccessRule{
		DefaultPolicy: Cut(r.DefaultPolicy, MaxWord),
		Allow:         cutEach(r.Allow, maxRule, entry),
		Deny:          cutEach(r.Deny, maxRule, entry),
	}
}

func jsonBytes(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0 // cannot happen: strings always marshal
	}
	return len(b)
}

// longestList returns the list of r with the most entries; the first one of several.
func longestList(r *fastpixv1.AccessRestrictions) *[]string {
	var longest *[]string
	for _, rule := range []*fastpixv1.AccessRule{r.Domains, r.UserAgents} {
		if rule == nil {
			continue
		}
		for _, list := range []*[]string{&rule.Allow, &rule.Deny} {
			if longest == nil || len(*list) > len(*longest) {
				longest = list
			}
		}
	}
	return longest
}

// storable reports whether a time is the same after it is written and read again. The zero time is written as null, and a year after 9999 cannot be
// read.
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 1 && year <= 9999
}

// CutTime returns a copy of t cut to microseconds; nil if it cannot be stored.
func CutTime(t *metav1.MicroTime) *metav1.MicroTime {
	if t == nil || !storable(t.Time) {
		return nil
	}
	return MicroTime(t.Time)
}

// MicroTime returns a time in UTC, cut to microseconds.
func MicroTime(t time.Time) *metav1.MicroTime {
	return &metav1.MicroTime{Time: t.UTC().Truncate(time.Microsecond)}
}
