package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const head = `# Events

<!-- Generated from internal/record/catalogue.go by make generate; do not edit. -->

This page lists what each FastPix event sets in the mirrors. Types match in any case. An event of any other type is acknowledged with 200 and
counted (` + "`fastpix_deliveries_total{result=\"unknown_type\"}`" + `), and changes nothing.

The column "evidence" says how certain the type is: *seen* on a live delivery, *documented* by FastPix or its SDKs, or *inferred* from an integration's code.

| type | aliases | resources | sets | evidence |
|---|---|---|---|---|
`

const fields = `
## Fields

The table lists "the fields it carries". A field that is absent or null changes nothing. An empty text clears the field. A field of a wrong type is skipped and
counted (` + "`fastpix_skipped_fields_total`" + `); the rest of the event is used.

| resource | fields |
|---|---|
`

const unknown = `
## Unknown types

An event of any other type is counted by family (` + "`fastpix_unknown_events_total`" + `). The first prefix of this table that matches its type decides. The end of a
type decides nothing: types of media, tracks, source files and simulcast targets all end in ` + "`.deleted`" + `.

| begins with | family |
|---|---|
`

func main() {
	fmt.Fprint(os.Stdout, head)
	for _, t := range record.Catalogue() {
		var resources []string
		if t.TouchesMedia {
			resources = append(resources, string(record.MediaAsset))
		}
		if t.TouchesStream {
			resources = append(resources, string(record.LiveStream))
		}
		fmt.Fprintf(os.Stdout, "| `%s` | %s | %s | %s | %s |\n", t.Name, quoted(t.Aliases), strings.Join(resources, ", "), t.Sets, t.Evidence)
	}
	fmt.Fprint(os.Stdout, fields)
	fmt.Fprintf(os.Stdout, "| MediaAsset | %s |\n", quoted(fieldsOf[record.MediaChange]()))
	fmt.Fprintf(os.Stdout, "| LiveStream | %s |\n", quoted(fieldsOf[record.StreamChange]()))
	fmt.Fprint(os.Stdout, unknown)
	for _, p := range record.Prefixes() {
		fmt.Fprintf(os.Stdout, "| `%s` | %s |\n", p.Prefix, p.Family)
	}
	fmt.Fprintf(os.Stdout, "| anything else | %s |\n", record.FamilyOther)
}

// setByType are fields that only events of some types set. The column "sets" of these types names them.
var setByType = []string{"state", "becameMediaID", "subtitles", "clips"}

// fieldsOf returns the names of the fields that an event with a whole object can set. They are the names of the fields in the status.
func fieldsOf[T any]() []string {
	var names []string
	for field := range reflect.TypeFor[T]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); !slices.Contains(setByType, name) {
			names = append(names, name)
		}
	}
	return names
}

func quoted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
