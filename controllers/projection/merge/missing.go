package merge

import "github.com/fastpix-operator/fastpix-operator/internal/record"

// missingWord is the word of the greatest record that says that the management API does not have the object.
const missingWord = "missing"

// mergeMissing merges a record that says that the API does not have the object.
func (f *Fold[S, C]) mergeMissing(by Event) {
	if compareFully(by, f.words[missingWord].By) > 0 {
		f.SetWord(missingWord, Word{By: by})
	}
}

// Missing returns the greatest record that says that the API does not have the object, and whether it is in force: whether it is the greatest of all records
// of the object. A greater record shows that the object exists.
func (f *Fold[S, C]) Missing() (by Event, inForce bool) {
	by = f.words[missingWord].By
	return by, !by.isZero() && len(f.recent) > 0 && record.IsMissing(f.recent[0].Type)
}

// ClearOlderThanMissing clears what a deletion clears, if the value is older than the greatest record that says that the API does not have the object.
// This holds whether or not that record is in force. Else the result would depend on whether a fold came between it and the record that takes it back.
func (f *Fold[S, C]) ClearOlderThanMissing() {
	missing := f.words[missingWord].By
	if missing.isZero() {
		return
	}
	f.clearIf(func(set Event) bool { return compare(set, missing) < 0 })
}
