package projection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// The oracle computes a status by the definitions of the laws. It reads all records at once, without state, order or provenance, and
// takes maxima. It shares no code with the projection. It is valid only for histories within the bounds.

// stampOf returns the position of a record in the order as a string, so that strings compare like records.
func stampOf(r *record.Record) string {
	at := "0"
	if r.Time != nil {
		at = fmt.Sprintf("1%020d", r.Time.UnixMicro())
	}
	return map[bool]string{true: "untimed", false: "zz-timed"}[r.Untimed] + at + "/" + r.ID
}

func jsonOf(v any) string {
	if m, ok := v.(map[string]fastpixv1.MetadataValue); ok && m == nil {
		return "{}"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// claim is a value that a record carries.
type claim struct {
	record *record.Record
	value  any
}

// greatest returns the claim with the greatest stamp.
func greatest(claims []claim) (claim, bool) {
	if len(claims) == 0 {
		return claim{}, false
	}
	return slices.MaxFunc(claims, func(a, b claim) int {
		return slices.Compare(
			[]string{stampOf(a.record), jsonOf(a.value), a.record.Type},
			[]string{stampOf(b.record), jsonOf(b.value), b.record.Type})
	}), true
}

// expectation is a status, as JSON by field, and the events that set its fields.
type expectation struct {
	fields map[string]string
	by     map[string]*record.Record
}

func (e expectation) set(name string, c claim, ok bool) {
	if !ok {
		return
	}
	e.by[name] = c.record
	if text := jsonOf(c.value); text != `""` && text != `{}` {
		e.fields[name] = text
	}
}

// change returns the fields of an object that a record carries, without nil pointers and empty words.
func change(r *record.Record) reflect.Value {
	if c := r.Changes[0]; c.Media != nil {
		return reflect.ValueOf(c.Media).Elem()
	}
	return reflect.ValueOf(r.Changes[0].Stream).Elem()
}

// expected returns the status that follows from all records.
func expected(kind record.Kind, records []*record.Record) expectation {
	e := expectation{fields: map[string]string{}, by: map[string]*record.Record{}}
	for i := range change(records[0]).NumField() {
		field := change(records[0]).Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "state":
		case name == "ai":
			e.expectAI(records)
		case field.Type.Kind() == reflect.Pointer:
			var claims []claim
			for _, r := range records {
				if v := change(r).Field(i); !v.IsNil() {
					claims = append(claims, claim{r, v.Elem().Interface()})
				}
			}
			c, ok := greatest(claims)
			e.set(name, c, ok)
		default:
			e.expectList(name, i, records)
		}
	}
	if kind == record.MediaAsset {
		e.expectMedia(records)
	} else {
		e.expectStream(records)
	}
	e.expectMissing(records)
	return e
}

func (e expectation) expectAI(records []*record.Record) {
	for _, part := range []string{"Summary", "Chapters", "NamedEntities", "Moderation"} {
		for leaf := range 2 {
			name, claims := "", []claim(nil)
			for _, r := range records {
				carried := reflect.ValueOf(r.Changes[0].Media.AI)
				if carried.IsNil() || carried.Elem().FieldByName(part).IsNil() {
					continue
				}
				v := carried.Elem().FieldByName(part).Elem()
				name = "ai." + strings.ToLower(part[:1]) + part[1:] + "." + strings.ToLower(v.Type().Field(leaf).Name)
				if v.Field(leaf).Len() > 0 {
					claims = append(claims, claim{r, v.Field(leaf).Interface()})
				}
			}
			c, ok := greatest(claims)
			e.set(name, c, ok)
		}
	}
}

// expectMedia computes the state, by rank first, and the effects of a deletion.
func (e expectation) expectMedia(records []*record.Record) {
	rank := func(c claim) string {
		i := slices.Index([]string{"Waiting", "Created", "", "Ready", "Deleted"}, c.value.(string))
		if c.value == "Failed" || c.value == "Cancelled" {
			i = 3
		}
		if i < 0 {
			i = 2
		}
		return fmt.Sprint(i)
	}
	var claims []claim
	for _, r := range records {
		if s := r.Changes[0].Media.State; s != "" {
			claims = append(claims, claim{r, s})
		}
	}
	if len(claims) == 0 {
		return
	}
	best := slices.MaxFunc(claims, func(a, b claim) int { return strings.Compare(rank(a), rank(b)) })
	c, ok := greatest(slices.DeleteFunc(claims, func(c claim) bool { return rank(c) != rank(best) }))
	e.set("state", c, ok)
	if c.value != "Deleted" {
		return
	}
	e.expectTime("deletedTime", c.record)
	for _, name := range clearedFields {
		e.drop(name)
	}
}

// clearedFields are the fields that a deletion clears.
var clearedFields = []string{
	"title", "creatorID", "metadata", "ai.summary.text", "ai.chapters.items", "ai.namedEntities.items", "ai.namedentities.items", "ai.moderation.items",
}

func (e expectation) drop(name string) {
	delete(e.fields, name)
	delete(e.by, name)
}

func (e expectation) expectTime(name string, r *record.Record) {
	if !r.Untimed {
		e.fields[name] = jsonOf(metav1.MicroTime{Time: r.Time.Time})
	}
}

// expectStream computes the state and the fields that follow from it.
func (e expectation) expectStream(records []*record.Record) {
	const prefix = "video.live_stream."
	ranks := map[string]int{"created": 1, "connected": 2, "preparing": 3, "active": 4, "recording": 4, "disconnected": 5, "idle": 6, "disabled": 7, "deleted": 9}
	newest := func(wanted func(r *record.Record) bool) *record.Record {
		var best *record.Record
		key := func(r *record.Record) []string {
			stamp, id, _ := strings.Cut(stampOf(r), "/")
			word := strings.TrimPrefix(r.Type, prefix)
			return []string{fmt.Sprint(word == "deleted"), stamp, fmt.Sprint(ranks[word]), id, word}
		}
		for _, r := range records {
			if wanted(r) && (best == nil || slices.Compare(key(r), key(best)) > 0) {
				best = r
			}
		}
		return best
	}
	ofTypes := func(words ...string) func(r *record.Record) bool {
		return func(r *record.Record) bool { return slices.Contains(words, strings.TrimPrefix(r.Type, prefix)) }
	}
	if r := newest(ofTypes("recording", "created", "idle", "disabled", "deleted")); r != nil {
		e.by["recording"] = r
		e.fields["recording"] = fmt.Sprint(r.Type == prefix+"recording")
	}
	for name, words := range map[string][]string{"activeSince": {"active"}, "lastActiveTime": {"active", "recording", "disconnected"}} {
		var claims []claim
		for _, r := range records {
			if !r.Untimed && ofTypes(words...)(r) {
				claims = append(claims, claim{r, metav1.MicroTime{Time: r.Time.Time}})
			}
		}
		c, ok := greatest(claims)
		e.set(name, c, ok)
	}
	defer e.expectObservedState(records)
	r := newest(func(r *record.Record) bool {
		return r.Changes[0].Stream.State != "" && strings.HasPrefix(r.Type, prefix)
	})
	if r == nil {
		return
	}
	e.set("state", claim{r, r.Changes[0].Stream.State}, true)
	switch {
	case r.Type == prefix+"deleted":
		e.expectTime("deletedTime", r)
		e.drop("metadata")
	case r.Type == prefix+"disconnected" && !r.Untimed:
		window := time.Minute
		if w := e.by["reconnectWindow"]; w != nil {
			window, _ = time.ParseDuration(strings.Trim(e.fields["reconnectWindow"], `"`))
		}
		e.fields["reconnectDeadline"] = jsonOf(metav1.MicroTime{Time: r.Time.Add(window)})
	}
}

// operation is what a record says about one element of a list.
type operation struct {
	record *record.Record
	value  map[string]any // nil for a removal
	whole  bool           // part of a snapshot
}

// expectList computes a list by the definition of law 7.
func (e expectation) expectList(name string, field int, records []*record.Record) {
	ground := "" // the stamp of the newest snapshot
	byID := map[string][]operation{}
	idOf := func(value map[string]any) string {
		for _, key := range []string{"id", "mediaID"} {
			if id, ok := value[key].(string); ok {
				return id
			}
		}
		panic("an element without an id")
	}
	for _, r := range records {
		list := change(r).Field(field)
		for _, part := range []string{"Snapshot", "Set"} {
			all := list.FieldByName(part)
			for i := range all.Len() {
				var value map[string]any
				if err := json.Unmarshal([]byte(jsonOf(all.Index(i).Interface())), &value); err != nil {
					panic(err)
				}
				if part == "Snapshot" {
					dropDefaultRules(value)
				}
				byID[idOf(value)] = append(byID[idOf(value)], operation{record: r, value: value, whole: part == "Snapshot"})
				if part == "Snapshot" {
					ground = max(ground, stampOf(r))
				}
			}
		}
		removed := list.FieldByName("Remove")
		for i := range removed.Len() {
			byID[removed.Index(i).String()] = append(byID[removed.Index(i).String()], operation{record: r})
		}
	}
	var alive []any
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		if value := elementOf(byID[id], ground); value != nil {
			if name == "simulcastTargets" {
				targetState(value, byID[id])
			}
			alive = append(alive, value)
		}
	}
	if alive != nil {
		e.fields[name] = jsonOf(alive)
	}
}

// dropDefaultRules removes the access rules of an element that allow everyone.
func dropDefaultRules(value map[string]any) {
	rules, _ := value["accessRestrictions"].(map[string]any)
	maps.DeleteFunc(rules, func(_ string, rule any) bool { return jsonOf(rule) == `{"defaultPolicy":"allow"}` })
	if len(rules) == 0 {
		delete(value, "accessRestrictions")
	}
}

// elementOf returns an element; nil if the list must not hold it.
func elementOf(operations []operation, ground string) map[string]any {
	removed := ""
	for _, o := range operations {
		if o.value == nil {
			removed = max(removed, stampOf(o.record))
		}
	}
	claims := map[string][]claim{}
	for _, o := range operations {
		if s := stampOf(o.record); o.value == nil || s < ground || s <= removed {
			continue
		}
		for key, value := range o.value {
			if fmt.Sprint(value) != "map[]" {
				claims[key] = append(claims[key], claim{o.record, value})
			}
		}
	}
	if len(claims) == 0 {
		return nil
	}
	value := map[string]any{}
	for key := range claims {
		c, _ := greatest(claims[key])
		value[key] = c.value
	}
	return value
}

// targetState adds the state of a simulcast target, which snapshots and removals do not change.
func targetState(value map[string]any, operations []operation) {
	var claims []claim
	for _, o := range operations {
		if o.whole {
			continue
		}
		switch strings.TrimPrefix(o.record.Type, "video.live_stream.simulcast_target.") {
		case "created":
			claims = append(claims, claim{o.record, "Created"})
		case "starting":
			claims = append(claims, claim{o.record, "Starting"})
		case "broadcasting":
			claims = append(claims, claim{o.record, "Broadcasting"})
		case "deleted":
			claims = append(claims, claim{o.record, ""})
		}
	}
	if c, ok := greatest(claims); ok && c.value != "" {
		value["state"] = c.value
	}
}

// expectedEvents returns the newest distinct events.
func expectedEvents(records []*record.Record) []string {
	byKey := map[string]*record.Record{}
	for _, r := range records {
		byKey[stampOf(r)+"/"+r.Type] = r
	}
	var out []string
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(byKey))) {
		out = append(out, referenceOf(byKey[key]))
	}
	return out[:min(len(out), 10)]
}

func referenceOf(r *record.Record) string {
	ref := fastpixv1.EventReference{ID: r.ID, Type: r.Type, Untimed: r.Untimed}
	if r.Time != nil {
		ref.Time = &metav1.MicroTime{Time: r.Time.Time}
	}
	return jsonOf(ref)
}
