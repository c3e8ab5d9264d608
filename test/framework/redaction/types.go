package redaction

import (
	"reflect"
	"slices"
	"strings"
)

// words are what names of fields must not hold, when their values are logged.
var words = []string{
	"key", "secret", "secert", "url", "token", "password", "passphrase", "credential", "srt", "signature", "cors", "input", "raw", "body", "header",
}

// Places returns the fields of the types that can hold anything, or whose names sound like a secret's, and how many types were walked.
// Except names fields, as Type.Field, that are known to be harmless.
func Places(except []string, roots ...reflect.Type) (places []string, walked int) {
	w := walker{seen: map[reflect.Type]bool{}, except: except}
	for _, root := range roots {
		w.walk(root, root.String())
	}
	slices.Sort(w.places)
	return w.places, len(w.seen)
}

type walker struct {
	seen   map[reflect.Type]bool
	except []string
	places []string
}

func (w *walker) walk(t reflect.Type, path string) {
	// Metadata of objects is Kubernetes's, and holds nothing of a delivery but names.
	if w.seen[t] || t.PkgPath() == "time" || strings.HasSuffix(t.String(), "v1.ObjectMeta") {
		return
	}
	w.seen[t] = true
	switch t.Kind() {
	case reflect.Interface, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		w.places = append(w.places, path+" can hold anything")
	case reflect.Pointer, reflect.Slice, reflect.Array:
		w.walk(t.Elem(), path)
	case reflect.Map:
		w.walk(t.Key(), path)
		w.walk(t.Elem(), path)
	case reflect.Struct:
		for field := range t.Fields() {
			if slices.Contains(w.except, t.Name()+"."+field.Name) {
				continue
			}
			name := strings.ToLower(field.Name)
			if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) }) {
				w.places = append(w.places, path+"."+field.Name+" sounds like a secret")
			}
			w.walk(field.Type, path+"."+field.Name)
		}
	}
}
