// These tests protect status writes: whatever FastPix sends, no text or list is longer than the API server accepts.
package event

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// schema is the part of a CRD's schema that limits values.
type schema struct {
	MaxLength            *int              `json:"maxLength"`
	MaxItems             *int              `json:"maxItems"`
	MaxProperties        *int              `json:"maxProperties"`
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
}

func statusSchema(t *testing.T, plural string) schema {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "video.fastpix.com_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(b, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
}

// at follows a path of field names, [] for the elements of a list and {} for the values of a map.
func (s schema) at(t *testing.T, path string) schema {
	t.Helper()
	for step := range strings.SplitSeq(path, ".") {
		switch {
		case step == "[]" && s.Items != nil:
			s = *s.Items
		case step == "{}" && s.AdditionalProperties != nil:
			s = *s.AdditionalProperties
		default:
			next, ok := s.Properties[step]
			if !ok {
				t.Fatalf("the schema has no %s", path)
			}
			s = next
		}
	}
	return s
}

func TestLimitsAreThoseOfTheSchemas(t *testing.T) {
	t.Parallel()
	media, stream := statusSchema(t, "mediaassets"), statusSchema(t, "livestreams")
	for path, want := range map[string]int{
		"state": maxState, "title": maxTitle, "creatorID": maxTitle, "metadata": maxMetadataKeys, "metadata.{}": maxMetadataValue,
		"workspaceID": record.MaxIDBytes, "uploadID": record.MaxIDBytes, "becameMediaID": record.MaxIDBytes, "streamID": record.MaxIDBytes,
		"maxResolution": maxWord, "sourceResolution": maxWord, "aspectRatio": maxWord, "frameRate": maxWord, "mediaQuality": maxWord,
		"mp4Support": maxMP4Support, "thumbnail": maxThumbnail, "playbackIDs": maxElements, "playbackIDs.[].id": record.MaxIDBytes,
		"playbackIDs.[].accessPolicy": maxWord, "playbackIDs.[].accessRestrictions.domains.defaultPolicy": maxWord,
		"playbackIDs.[].accessRestrictions.domains.allow": maxRules, "playbackIDs.[].accessRestrictions.domains.allow.[]": maxRule,
		"playbackIDs.[].accessRestrictions.userAgents.deny": maxRules, "playbackIDs.[].accessRestrictions.userAgents.deny.[]": maxRule,
		"tracks": maxElements, "tracks.[].id": record.MaxIDBytes, "tracks.[].type": maxWord, "tracks.[].state": maxState,
		"tracks.[].languageCode": maxLanguageCode, "tracks.[].languageName": maxLanguageName, "tracks.[].frameRate": maxWord,
		"subtitles": maxElements, "subtitles.[].id": record.MaxIDBytes, "subtitles.[].state": maxState,
		"subtitles.[].languageCode": maxLanguageCode, "subtitles.[].languageName": maxLanguageName,
		"ai.summary.availability": maxState, "ai.summary.text": maxSummary, "ai.chapters.items": maxFindings, "ai.chapters.items.[].chapter": maxWord,
		"ai.chapters.items.[].startTime": maxWord, "ai.chapters.items.[].endTime": maxWord, "ai.chapters.items.[].title": maxFindingTitle,
		"ai.namedEntities.items": maxFindings, "ai.namedEntities.items.[].entity": maxFindingTitle, "ai.namedEntities.items.[].category": maxCategory,
		"ai.moderation.items": maxFindings, "ai.moderation.items.[].category": maxCategory, "ai.moderation.items.[].score": maxWord,
		"lastEvent.id": record.MaxIDBytes,
	} {
		compareLimit(t, path, media.at(t, path), want)
	}
	for path, want := range map[string]int{
		"state": maxState, "metadata": maxMetadataKeys, "metadata.{}": maxMetadataValue, "workspaceID": record.MaxIDBytes, "maxResolution": maxWord,
		"mediaPolicy": maxWord, "playbackIDs": maxElements, "simulcastTargets": maxElements, "simulcastTargets.[].id": record.MaxIDBytes,
		"recordings": maxElements, "recordings.[].mediaID": record.MaxIDBytes, "clips": maxElements, "clips.[].mediaID": record.MaxIDBytes,
	} {
		compareLimit(t, path, stream.at(t, path), want)
	}
}

func compareLimit(t *testing.T, path string, s schema, want int) {
	t.Helper()
	for _, got := range []*int{s.MaxLength, s.MaxItems, s.MaxProperties} {
		if got != nil {
			if *got != want {
				t.Errorf("%s: this package's limit is %d, the schema's %d", path, want, *got)
			}
			return
		}
	}
	t.Errorf("%s: the schema has no limit", path)
}

// This test compares the longest possible event with the schema, field by field. It finds a field that has no limit in this package.
func TestNothingOfAChangeIsLongerThanTheSchemaAllows(t *testing.T) {
	t.Parallel()
	schemas := map[record.Kind]schema{record.MediaAsset: statusSchema(t, "mediaassets"), record.LiveStream: statusSchema(t, "livestreams")}
	for _, wide := range []string{"x", "é", "𝄞"} {
		for name, head := range hugeHeads(wide) {
			e, err := Decode(huge(head, wide))
			if err != nil {
				t.Fatal(name, err)
			}
			for _, c := range e.Changes {
				var facts any = c.Media
				if c.Stream != nil {
					facts = c.Stream
				}
				b, err := json.Marshal(facts)
				if err != nil {
					t.Fatal(err)
				}
				var generic any
				if err := json.Unmarshal(b, &generic); err != nil {
					t.Fatal(err)
				}
				checkSchema(t, name, generic, schemas[c.Kind])
			}
		}
	}
}

func checkSchema(t *testing.T, path string, v any, s schema) {
	t.Helper()
	switch v := v.(type) {
	case string:
		if s.MaxLength != nil && utf8.RuneCountInString(v) > *s.MaxLength {
			t.Errorf("%s: %d characters, at most %d fit", path, utf8.RuneCountInString(v), *s.MaxLength)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			t.Errorf("%s: %d elements, at most %d fit", path, len(v), *s.MaxItems)
		}
		for _, element := range v {
			checkSchema(t, path+".[]", element, *s.Items)
		}
	case map[string]any:
		if s.Items != nil { // a ListChange, whose elements the mirror shows
			for _, part := range []string{"snapshot", "set"} {
				if list, ok := v[part]; ok {
					checkSchema(t, path+"."+part, list, s)
				}
			}
			return
		}
		if s.MaxProperties != nil && len(v) > *s.MaxProperties {
			t.Errorf("%s: %d keys, at most %d fit", path, len(v), *s.MaxProperties)
		}
		for name, member := range v {
			next, ok := s.Properties[name]
			if s.AdditionalProperties != nil {
				next, ok = *s.AdditionalProperties, true
			}
			if !ok {
				t.Errorf("%s.%s: no such field in the schema", path, name)
				continue
			}
			checkSchema(t, path+"."+name, member, next)
		}
	}
}
