package merge

import (
	"slices"
	"strings"
)

// Word is a value that no field of the status shows, and the event that set it. Provenance holds it as NAME=VALUE, or as NAME if the value is empty.
type Word struct {
	Value string
	By    Event
}

// wordSeparator separates the name of a word from its value. No field has such a name.
const wordSeparator = "="

// Word returns a word; the zero Word if no event set it.
func (f *Fold[S, C]) Word(name string) Word { return f.words[name] }

// SetWord sets a word. A word that no event set does not exist.
func (f *Fold[S, C]) SetWord(name string, w Word) {
	if w.By.isZero() {
		delete(f.words, name)
		return
	}
	if f.words == nil {
		f.words = map[string]Word{}
	}
	f.words[name] = w
}

// restoreWord restores a word from its form in provenance, and reports whether it is one.
func (f *Fold[S, C]) restoreWord(field string, by Event) bool {
	name, value, _ := strings.Cut(field, wordSeparator)
	if !slices.Contains(f.kind.Words, name) {
		return false
	}
	f.SetWord(name, Word{Value: value, By: by})
	return true
}

// storeWords adds the words to the origins.
func (f *Fold[S, C]) storeWords(o *Origins) {
	for name, w := range f.words {
		if w.Value != "" {
			name += wordSeparator + w.Value
		}
		o.Add(w.By, name)
	}
}
