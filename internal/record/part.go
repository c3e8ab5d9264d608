package record

// Part returns a record that tells of only some of the objects of s, by position in its changes. It returns s itself when those are all of
// them. What Part returns is a record like any other, which every version of the operator reads.
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
