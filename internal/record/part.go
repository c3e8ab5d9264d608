package record

// Part returns a record with only some of the changes of record s, by their positions. It returns s itself if these are all changes. The result is an
// ordinary record, which every version of the operator reads.
func Part(s string, changes []int) (string, error) {
	r, err := Decode(s)
	if err != nil {
		return "", err
	}
	if len(changes) == len(r.Changes) {
		return s, nil
	}
	kept := make([]Change, 0, len(changes))
	for _, i := range changes {
		kept = append(kept, r.Changes[i])
	}
	r.Changes = kept
	return Encode(r)
}
