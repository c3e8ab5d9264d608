package v1alpha1

import (
	"encoding/json"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EventLine is one event as text: "TIME TYPE ID". TIME has microseconds and is in UTC. A question mark before it says that the time is not
// credible, so that the event loses to every event with a credible time. A question mark alone stands for a missing time. A space in an id is
// written as %20, and a percent sign as %25.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:Type=""
type EventLine string

// ProvenanceLine is one event and the fields whose present value it set: "TIME TYPE ID: FIELD FIELD ...". The first part is an EventLine. A field
// is a name as in status; "tracks" for the last full list, "tracks[ID]" for an element, "tracks[ID].state" for one of its attributes set by another
// event, "-tracks[ID]" for an element it removed, "^tracks" for the bound below which a list that was too long is not known, "~tracks" for a list
// that was too long already when it arrived. Three words come from comparisons with the management API: "missing" for the newest answer that the
// object does not exist, "observedState=STATE" for a stream's state in the newest answer, and "hiddenState=STATE" for the state by events while an
// answer decides the state.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:Type=""
type ProvenanceLine string

const (
	lineTime = "2006-01-02T15:04:05.000000Z07:00"
	// lineUntimed begins a time that is not credible; lineTimeless stands for the time of an event that has none although it counts as timed.
	lineUntimed, lineTimeless = "?", "-"
)

var (
	escape   = strings.NewReplacer("%", "%25", " ", "%20")
	unescape = strings.NewReplacer("%25", "%", "%20", " ")
)

// NewEventLine returns an event as text.
func NewEventLine(e *EventReference) EventLine {
	at := ""
	if e.Time != nil {
		at = e.Time.UTC().Format(lineTime)
	}
	switch {
	case e.Untimed:
		at = lineUntimed + at
	case at == "":
		at = lineTimeless
	}
	return EventLine(at + " " + escape.Replace(e.Type) + " " + escape.Replace(e.ID))
}

// Event returns the event of the line. What the line does not hold is empty.
func (l EventLine) Event() EventReference {
	at, rest, _ := strings.Cut(string(l), " ")
	typ, id, _ := strings.Cut(rest, " ")
	e := EventReference{ID: unescape.Replace(id), Type: unescape.Replace(typ)}
	at, e.Untimed = strings.CutPrefix(at, lineUntimed)
	if parsed, err := time.Parse(lineTime, at); err == nil {
		e.Time = &metav1.MicroTime{Time: parsed.UTC()}
	}
	return e
}

// NewProvenanceLine returns an event and the fields that it set as text.
func NewProvenanceLine(e *EventReference, fields []string) ProvenanceLine {
	var b strings.Builder
	b.WriteString(string(NewEventLine(e)))
	b.WriteByte(':')
	for _, field := range fields {
		b.WriteByte(' ')
		b.WriteString(escape.Replace(field))
	}
	return ProvenanceLine(b.String())
}

// Event returns the event of the line, and the fields that it set.
func (l ProvenanceLine) Event() (e EventReference, fields []string) {
	words := strings.Split(string(l), " ")
	n := min(3, len(words))
	e = EventLine(strings.TrimSuffix(strings.Join(words[:n], " "), ":")).Event()
	fields = words[n:]
	for i := range fields {
		fields[i] = unescape.Replace(fields[i])
	}
	return e, fields
}

// UnmarshalJSON reads a line. It also reads the object that stood in its place before the first release. In the CRDs a line has no type for the sake
// of such objects: otherwise the API server would remove their fields when it reads them, and refuse server-side apply (decision 0048).
func (l *EventLine) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, (*string)(l))
	}
	var e EventReference
	err := json.Unmarshal(text, &e)
	*l = NewEventLine(&e)
	return err
}

// UnmarshalJSON reads a line. It also reads the object that stood in its place before the first release.
func (l *ProvenanceLine) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, (*string)(l))
	}
	var old struct {
		EventReference `json:",inline"`
		Fields         []string `json:"fields"`
	}
	err := json.Unmarshal(text, &old)
	*l = NewProvenanceLine(&old.EventReference, old.Fields)
	return err
}

func isObject(text []byte) bool { return len(text) > 0 && text[0] == '{' }
