package verify

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/sample"
)

// order is an order of the names of objects.
type order struct {
	name string
	of   func(root *node) *node
}

// orders are the orders of names in which FastPix may have written a body.
var orders = []order{
	{"", func(root *node) *node { return root }},
	{"the order of names", inFastPixOrder},
	{"the order of names", sorted},
}

// layouts are the ways in which programs put white space into JSON.
var layouts = []layout{
	{comma: ",", colon: ":"},
	{comma: ", ", colon: ": "},
	{comma: ",", colon: ": ", lines: true, indent: "  "},
	{comma: ",", colon: ": ", lines: true, indent: "    "},
	{comma: ",", colon: ": ", lines: true, indent: "\t"},
	{comma: ",", colon: ": ", lines: true},
}

// escapes are the ways in which programs escape characters in JSON: as little as possible, as Go does, as Python and PHP do.
var escapes = []escaping{
	{},
	{html: true, separators: true},
	{separators: true},
	{ascii: true},
	{ascii: true, html: true},
	{slash: true},
	{ascii: true, slash: true},
}

// reencodings tries every way in which a program may have written the JSON of a body. It stops when try returns false.
func reencodings(body []byte, try func(candidateBody) bool) {
	root, err := parse(body)
	if err != nil {
		return
	}
	for _, o := range orders {
		ordered := o.of(root)
		for _, l := range layouts {
			for _, e := range escapes {
				text := l.write(ordered, e)
				mistake := func() Mistake { return bodyReencoded(differences(body, text, o.name)) }
				if !try(candidateBody{text, mistake}) || !try(candidateBody{append(text, '\n'), mistake}) {
					return
				}
			}
		}
	}
}

// differences says in words how a captured body differs from what FastPix sent.
func differences(captured, sent []byte, orderOfNames string) string {
	var all []string
	a, b := compacted(captured), compacted(sent)
	if bytes.Equal(a, b) || bytes.Equal(a, captured) != bytes.Equal(b, sent) {
		all = append(all, "white space")
	}
	if orderOfNames != "" {
		all = append(all, orderOfNames)
	} else if !bytes.Equal(a, b) {
		all = append(all, "the escapes of characters")
	}
	return strings.Join(all, " and ")
}

func compacted(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return nil
	}
	return b.Bytes()
}

// inFastPixOrder orders the names as the sample of the event's type does. Other names follow in their present order.
func inFastPixOrder(root *node) *node {
	typ, _ := record.Lookup(root.text("type"))
	body, ok := sample.OfType(typ.Name)
	if !ok {
		return root
	}
	model, err := parse(body)
	if err != nil {
		return root
	}
	return root.like(model)
}

// sorted orders the names by the alphabet.
func sorted(root *node) *node {
	return root.reordered(func(members []member) {
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	})
}

// looksReencoded says why a body looks as if a program has written its JSON again; empty if it does not. FastPix writes the type first.
func looksReencoded(body []byte) string {
	root, err := parse(body)
	if err != nil || len(root.members) < 3 {
		return ""
	}
	switch {
	case bytes.Equal(layouts[0].write(root, escaping{}), layouts[0].write(sorted(root), escaping{})):
		return "its names are in alphabetical order, and FastPix does not sort them"
	case !bytes.Equal(compacted(body), body):
		return "it has white space between the values"
	}
	return ""
}
