package main

import (
	"encoding/json"
	"regexp"
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
