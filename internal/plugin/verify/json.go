package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is one JSON value. Unlike a Go map it keeps the order of names, and names that come twice.
type node struct {
	kind    json.Delim // '{' or '['; 0 for a scalar
	members []member
	scalar  any // string, json.Number, bool or nil
}

// member is one element of a list, or one name and value of an object.
type member struct {
	name  string
	value *node
}

// maxDepth bounds how deep a body may nest. FastPix's bodies have less than 10 levels. Without the bound the indentation of a hostile body takes all memory.
const maxDepth = 32

var errDeep = errors.New("the JSON nests too deep")

// parse reads a body that consists of one JSON object.
func parse(body []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte(byteOrderMark))))
	d.UseNumber()
	root, err := parseValue(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the JSON value")
	}
	if root.kind != '{' {
		return nil, errors.New("not a JSON object")
	}
	return root, nil
}

func parseValue(d *json.Decoder, depth int) (*node, error) {
	if depth == 0 {
		return nil, errDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return &node{scalar: token}, nil
	}
	n := &node{kind: open}
	for d.More() {
		var m member
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.name, _ = name.(string)
		}
		if m.value, err = parseValue(d, depth-1); err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	_, err = d.Token() // the closing bracket
	return n, err
}

// get returns the value of a name; nil if there is none.
func (n *node) get(name string) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// text returns the string of a name; empty if there is none.
func (n *node) text(name string) string {
	if v := n.get(name); v != nil {
		s, _ := v.scalar.(string)
		return s
	}
	return ""
}

// reordered returns a copy with the members of every object in another order.
func (n *node) reordered(arrange func([]member)) *node {
	c := &node{kind: n.kind, scalar: n.scalar, members: slices.Clone(n.members)}
	for i := range c.members {
		c.members[i].value = c.members[i].value.reordered(arrange)
	}
	if c.kind == '{' {
		arrange(c.members)
	}
	return c
}

// like returns a copy whose objects have their names in the order of a model. Every element of a list is like the model's first one.
func (n *node) like(model *node) *node {
	if model == nil || model.kind != n.kind {
		return n
	}
	c := &node{kind: n.kind, scalar: n.scalar, members: slices.Clone(n.members)}
	for i, m := range c.members {
		of := model.get(m.name)
		if c.kind == '[' && len(model.members) > 0 {
			of = model.members[0].value
		}
		c.members[i].value = m.value.like(of)
	}
	if c.kind == '{' {
		slices.SortStableFunc(c.members, func(a, b member) int { return model.place(a.name) - model.place(b.name) })
	}
	return c
}

// place returns where a name is in an object; the end if it is not there.
func (n *node) place(name string) int {
	for i, m := range n.members {
		if m.name == name {
			return i
		}
	}
	return len(n.members)
}

// layout says which white space a program writes.
type layout struct {
	comma, colon string
	// lines begins a line for each member, with indent for each level.
	lines  bool
	indent string
}

func (l layout) write(n *node, e escaping) []byte {
	var b bytes.Buffer
	l.writeNode(&b, n, e, 0)
	return b.Bytes()
}

func (l layout) writeNode(b *bytes.Buffer, n *node, e escaping, depth int) {
	switch n.kind {
	case 0:
		e.writeScalar(b, n.scalar)
		return
	case '{':
		defer b.WriteByte('}')
	default:
		defer b.WriteByte(']')
	}
	b.WriteString(n.kind.String())
	for i, m := range n.members {
		if i > 0 {
			b.WriteString(l.comma)
		}
		l.breakLine(b, depth+1)
		if n.kind == '{' {
			e.writeString(b, m.name)
			b.WriteString(l.colon)
		}
		l.writeNode(b, m.value, e, depth+1)
	}
	if len(n.members) > 0 {
		l.breakLine(b, depth)
	}
}

func (l layout) breakLine(b *bytes.Buffer, depth int) {
	if l.lines {
		b.WriteString("\n" + strings.Repeat(l.indent, depth))
	}
}

// escaping says which characters a program escapes beside those that every program must.
type escaping struct {
	ascii      bool // all characters that are not ASCII
	html       bool // <, > and &
	separators bool // the line and paragraph separators
	slash      bool // /
}

func (e escaping) writeScalar(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case string:
		e.writeString(b, v)
	case json.Number:
		b.WriteString(v.String())
	case nil:
		b.WriteString("null")
	default:
		fmt.Fprint(b, v)
	}
}

// short are the characters with an escape of two characters.
var short = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func (e escaping) writeString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r < ' ' && short[r] != "":
			b.WriteString(short[r])
		case r == '/' && e.slash:
			b.WriteString(`\/`)
		case r < ' ', e.ascii && r >= utf8.RuneSelf, e.html && strings.ContainsRune("<>&", r), e.separators && (r == '\u2028' || r == '\u2029'):
			for _, unit := range utf16.Encode([]rune{r}) {
				b.WriteString(`\u`)
				b.WriteString(hex.EncodeToString(binary.BigEndian.AppendUint16(nil, unit)))
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
