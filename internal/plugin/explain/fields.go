package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

// Field is one field of a status, and what set it.
type Field struct {
	// Field is its name in the status; that of a list's element has its id in brackets.
	Field string `json:"field"`
	// Value is the beginning of its value as text.
	Value string `json:"value,omitempty"`
	// SetBy is the event or observation that set the present value; absent if the value follows from the rest.
	SetBy *mirror.Event `json:"setBy,omitempty"`
	// Note says what is special.
	Note string `json:"note,omitempty"`
}

// Notes of fields.
const (
	noteFollows   = "follows from state"
	noteComputed  = "follows from the status and the time"
	noteRemoved   = "removed"
	noteDropped   = "the list was too long; this is the newest event whose elements were dropped"
	noteCut       = "the list was too long already when it arrived"
	noteMissing   = "FastPix's management API did not have the object"
	noteObserved  = "the state by FastPix's management API"
	noteHidden    = "the state by events, while an answer of FastPix's management API decides"
	noteNoElement = "of an element that the list does not have"
)

// skipped are the fields of a status that are not about FastPix's object, and those that are shown in another way.
var skipped = map[string]bool{
	"conditions": true, "provenance": true, "recentEvents": true, "lastEvent": true, "observedGeneration": true, "timer": true, "timerTime": true,
}

// following are the fields that another field decides.
var following = map[string]string{"deletedTime": "state", "reconnectDeadline": "state"}

// FieldsOf returns the fields of a mirror's status in the order of the API, then what provenance knows beside them, then what follows from all this.
func FieldsOf(m *mirror.Mirror) ([]Field, error) {
	text, err := json.Marshal(m.Status)
	if err != nil {
		return nil, err
	}
	all := originsOf(m.Provenance)
	members, err := membersOf(text)
	if err != nil {
		return nil, err
	}
	var fields []Field
	for _, member := range members {
		if !skipped[member.name] {
			fields = append(fields, fieldsIn(member.name, member.value, all)...)
		}
	}
	return append(append(fields, marked(all)...), computed(m)...), nil
}

// fieldsIn returns a field, or the fields in it.
func fieldsIn(name string, value json.RawMessage, all origins) []Field {
	switch {
	case value[0] == '[':
		return listFields(name, value, all)
	case value[0] == '{' && all.of(name) == nil && all.below(name) != nil:
		var fields []Field
		members, _ := membersOf(value)
		for _, member := range members {
			fields = append(fields, fieldsIn(name+"."+member.name, member.value, all)...)
		}
		return fields
	}
	f := Field{Field: name, Value: brief(value), SetBy: all.of(name)}
	if by := following[name]; f.SetBy == nil && by != "" {
		f.SetBy, f.Note = all.of(by), noteFollows
	}
	return []Field{f}
}

// listFields returns a list, then its elements and attributes that another event set.
func listFields(name string, value json.RawMessage, all origins) []Field {
	var elements []map[string]json.RawMessage
	if json.Unmarshal(value, &elements) != nil {
		return []Field{{Field: name, Value: brief(value), SetBy: all.of(name)}}
	}
	count := fmt.Sprintf("%d elements", len(elements))
	if len(elements) == 1 {
		count = "1 element"
	}
	fields := []Field{{Field: name, Value: count, SetBy: all.of(name)}}
	for _, o := range all.below(name) {
		f := Field{Field: o.field, SetBy: &o.by}
		if element := find(elements, name, o.field); element == nil {
			f.Note = noteNoElement
		} else if _, attribute, _ := strings.Cut(o.field, "]."); attribute != "" {
			f.Value = brief(element[attribute])
		} else {
			f.Value = withoutID(element)
		}
		fields = append(fields, f)
	}
	return fields
}

// find returns the element of a list that a field of provenance is about; nil if the list does not have it.
func find(elements []map[string]json.RawMessage, list, field string) map[string]json.RawMessage {
	for _, element := range elements {
		for _, key := range []string{"id", "mediaID"} {
			var id string
			if json.Unmarshal(element[key], &id) == nil && id != "" && strings.HasPrefix(field, list+"["+id+"]") {
				return element
			}
		}
	}
	return nil
}

// withoutID returns the attributes of an element as text, without the id, which the name of the field has.
func withoutID(element map[string]json.RawMessage) string {
	rest := maps.Clone(element)
	delete(rest, "id")
	delete(rest, "mediaID")
	if len(rest) == 0 {
		return ""
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return ""
	}
	return brief(text)
}

// marked returns what provenance knows beside fields: removed elements, lists that were too long, answers of the management API.
func marked(all origins) []Field {
	notes := map[byte]string{'-': noteRemoved, '^': noteDropped, '~': noteCut}
	var fields []Field
	for _, o := range all {
		observed, isObserved := strings.CutPrefix(o.field, wordObserved)
		hidden, isHidden := strings.CutPrefix(o.field, wordHidden)
		switch {
		case isObserved:
			fields = append(fields, Field{Field: "state", Value: observed, SetBy: &o.by, Note: noteObserved})
		case isHidden:
			fields = append(fields, Field{Field: "state", Value: hidden, SetBy: &o.by, Note: noteHidden})
		case o.field == wordMissing:
			fields = append(fields, Field{Field: "state", SetBy: &o.by, Note: noteMissing})
		case o.field != "" && notes[o.field[0]] != "":
			fields = append(fields, Field{Field: o.field[1:], SetBy: &o.by, Note: notes[o.field[0]]})
		}
	}
	return fields
}

// computed returns the conditions and the timer.
func computed(m *mirror.Mirror) []Field {
	var fields []Field
	for _, c := range m.Conditions {
		fields = append(fields, Field{Field: "conditions[" + c.Type + "]", Value: string(c.Status) + ", " + c.Reason, Note: noteComputed})
	}
	if m.TimerTime != nil {
		fields = append(fields, Field{Field: "timerTime", Value: m.TimerTime.UTC().Format(time.RFC3339), Note: noteComputed})
	}
	return fields
}

// named is a name and a value of a JSON object.
type named struct {
	name  string
	value json.RawMessage
}

// membersOf returns the names and values of a JSON object, in its order.
func membersOf(object json.RawMessage) ([]named, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var all []named
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := named{}
		m.name, _ = name.(string)
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// maxValue is how much of a value a table has room for.
const maxValue = 48

// brief returns a JSON value as text for a table.
func brief(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		s = string(value)
	}
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= maxValue {
		return s
	}
	return string([]rune(s)[:maxValue-3]) + "..."
}
