package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	commentLine = regexp.MustCompile(`^ *# (?:-- (?:\([a-z]+\) )?)?(.*)$`)
	keyLine     = regexp.MustCompile(`^( *)([A-Za-z]+):`)
)

// comments returns the comments of values.yaml that helm-docs reads, by the path of their value.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var path []string
	text, found := "", false
	for line := range strings.Lines(read(t, chart+"/values.yaml")) {
		line = strings.TrimSuffix(line, "\n")
		if comment := commentLine.FindStringSubmatch(line); comment != nil {
			if strings.Contains(line, "# -- ") {
				text, found = comment[1], true
			} else if found {
				text += " " + comment[1]
			}
			continue
		}
		if key := keyLine.FindStringSubmatch(line); key != nil {
			path = append(path[:len(key[1])/2], key[2])
			if found {
				all[strings.Join(path, ".")] = text
			}
		}
		text, found = "", false
	}
	return all
}

// TestSchemaDescribesEveryValue checks that every value has a description in the schema, which editors show, and that it is the comment of
// values.yaml, from which the README is made.
func TestSchemaDescribesEveryValue(t *testing.T) {
	t.Parallel()
	comments := comments(t)
	for _, value := range schemaValues(t) {
		var schema struct {
			Description string                     `json:"description"`
			Properties  map[string]json.RawMessage `json:"properties"`
		}
		node := json.RawMessage(read(t, chart+"/values.schema.json"))
		for name := range strings.SplitSeq(value, ".") {
			schema.Properties = nil
			if err := json.Unmarshal(node, &schema); err != nil {
				t.Fatal(err)
			}
			node = schema.Properties[name]
		}
		schema.Description = ""
		if err := json.Unmarshal(node, &schema); err != nil {
			t.Fatal(err)
		}
		if comments[value] == "" || schema.Description != comments[value] {
			t.Errorf("%s: the schema says %q, values.yaml %q", value, schema.Description, comments[value])
		}
	}
}

// TestSchemaRefusesTyposEverywhere checks that every object of the schema that names keys, also in its definitions, says what other keys may be. Only
// global may have the keys of other charts, and a volume has the key of its kind.
func TestSchemaRefusesTyposEverywhere(t *testing.T) {
	t.Parallel()
	var root map[string]any
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &root); err != nil {
		t.Fatal(err)
	}
	var open []string
	var walk func(path string, node any)
	walk = func(path string, node any) {
		object, ok := node.(map[string]any)
		if !ok {
			return
		}
		_, says := object["additionalProperties"]
		if _, names := object["properties"].(map[string]any); names && !says {
			open = append(open, path)
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			walk(path+"/"+key, object[key])
		}
	}
	walk("", root)
	if want := []string{"/definitions/volumes/items", "/properties/global"}; !slices.Equal(open, want) {
		t.Errorf("the schema allows unknown keys in %v, want only in %v", open, want)
	}
}
