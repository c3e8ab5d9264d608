// Command eventdocs writes docs/events.md from the catalogue of event types to standard output, for `make generate`.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/api/record"
)

const head = `# Events

<!-- Generated from api/record/catalogue.go by make generate; do not edit. -->

What each FastPix event sets in the mirrors. Types match whatever their case. An event of any other type is acknowledged with 200 and
counted (` + "`fastpix_deliveries_total{result=\"unknown_type\"}`" + `), and changes nothing.

Evidence says how sure the type is: *seen* on a live delivery, *documented* by FastPix or its SDKs, or *inferred* from an integration's code.

| type | aliases | resources | sets | evidence |
|---|---|---|---|---|
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
}

func quoted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
