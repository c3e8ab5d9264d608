package record

import (
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/text"
)

var (
	durationType = reflect.TypeFor[metav1.Duration]()
	timeType     = reflect.TypeFor[metav1.MicroTime]()
)

// filter drops from a change what a receiver never writes. The result depends only on the change, and filter does not alter a genuine change.
func (c *Change) filter() {
	if m := c.Media; m != nil {
		filterValue(reflect.ValueOf(m).Elem())
		if m.Thumbnail != nil && *m.Thumbnail != "" {
			if _, ok := text.PublicURL(*m.Thumbnail); !ok {
				m.Thumbnail = nil
			}
		}
		m.Metadata = filterMetadata(m.Metadata)
		filterIDs(&m.PlaybackIDs, func(p fastpixv1.PlaybackID) string { return p.ID })
		filterIDs(&m.Tracks, func(t fastpixv1.Track) string { return t.ID })
		filterIDs(&m.Subtitles, func(s fastpixv1.Subtitle) string { return s.ID })
	}
	if s := c.Stream; s != nil {
		filterValue(reflect.ValueOf(s).Elem())
		s.Metadata = filterMetadata(s.Metadata)
		filterIDs(&s.PlaybackIDs, func(p fastpixv1.PlaybackID) string { return p.ID })
		filterIDs(&s.SimulcastTargets, func(t fastpixv1.SimulcastTarget) string { return t.ID })
		filterIDs(&s.Recordings, func(r fastpixv1.MediaReference) string { return r.MediaID })
		filterIDs(&s.Clips, func(r fastpixv1.MediaReference) string { return r.MediaID })
	}
}

// filterValue filters every text, duration and number of a change, whatever the name of its field is, so that it also filters new fields. It sets a
// pointer to nil, which means that the change does not carry the field. An empty text would clear the field.
func filterValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() != timeType {
			for _, field := range v.Fields() {
				filterValue(field)
			}
		}
	case reflect.Pointer:
		filterPointer(v)
	case reflect.Slice:
		for i := range v.Len() {
			filterValue(v.Index(i))
		}
	case reflect.String:
		s, _ := text.Safe(v.String())
		v.SetString(s)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(max(0, v.Int()))
	}
}

func filterPointer(v reflect.Value) {
	if v.IsNil() {
		return
	}
	e := v.Elem()
	switch {
	case e.Type() == durationType:
		if e.Interface().(metav1.Duration).Duration < 0 {
			v.SetZero()
		}
	case e.Kind() == reflect.String:
		if s, ok := text.Safe(e.String()); ok {
			e.SetString(s)
		} else {
			v.SetZero()
		}
	default:
		filterValue(e)
	}
}

func filterMetadata(texts *map[string]fastpixv1.MetadataValue) *map[string]fastpixv1.MetadataValue {
	if texts == nil || len(*texts) == 0 {
		return texts
	}
	kept := make(map[string]fastpixv1.MetadataValue, len(*texts))
	for key, value := range *texts {
		k, keyOK := text.SafeKey(key)
		s, ok := text.Safe(string(value))
		if keyOK && ok && k == key { // filtering must not make two keys equal: it would be random which one stays
			kept[k] = fastpixv1.MetadataValue(s)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return &kept
}

// filterIDs drops elements without a usable id.
func filterIDs[T any](list *ListChange[T], id func(T) string) {
	unusable := func(e T) bool { return !UsableID(id(e)) }
	list.Snapshot = slices.DeleteFunc(list.Snapshot, unusable)
	list.Set = slices.DeleteFunc(list.Set, unusable)
	list.Remove = slices.DeleteFunc(list.Remove, func(id string) bool { return !UsableID(id) })
}
