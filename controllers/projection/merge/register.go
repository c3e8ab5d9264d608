package merge

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Register is one field of a status of type S. It keeps the value of the greatest event that carried the field in a change of type C.
type Register[S, C any] struct {
	Name string
	// Merge sets the field if the change carries it and event by supersedes event held, which set it last. It reports whether it set the field.
	Merge func(s *S, c *C, by, held Event) bool
	// clearedByDeletion marks a field that a deletion on the platform clears. customerText marks a field that the policy Omit clears.
	clearedByDeletion, customerText bool
	clear                           func(s *S)
}

// newRegister returns a register. in returns the value and whether the change carries it; the status must be able to keep the value. out points to the
// field in the status.
func newRegister[S, C, V any](name string, in func(c *C, by Event) (V, bool), out func(*S) *V) Register[S, C] {
	return Register[S, C]{
		Name: name,
		Merge: func(s *S, c *C, by, held Event) bool {
			value, carried := in(c, by)
			if !carried {
				return false
			}
			at := out(s)
			if !Supersedes(by, held, value, *at) {
				return false
			}
			*at = value
			return true
		},
		clear: func(s *S) {
			var none V
			*out(s) = none
		},
	}
}

// Text is a register of a text that an empty one clears.
func Text[S, C any](name string, limit int, in func(*C) *string, out func(*S) *string) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) (string, bool) {
		if s := in(c); s != nil {
			return Cut(*s, limit), true
		}
		return "", false
	}, out)
}

// NonEmptyText is a register of a text. An empty text means that the change does not carry it.
func NonEmptyText[S, C any](name string, limit int, in func(*C) string, out func(*S) *string) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) (string, bool) {
		s := Cut(in(c), limit)
		return s, s != ""
	}, out)
}

// WholeList is a register of a list that is always set as a whole. An empty list means that the change does not carry it.
func WholeList[S, C, E any](name string, fit func(E) E, in func(*C) []E, out func(*S) *[]E) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) ([]E, bool) {
		list := cutEach(in(c), maxFindings, fit)
		return list, list != nil
	}, out)
}

// Metadata is a register of a customer's own text by key.
func Metadata[S, C any](name string, in func(*C) *map[string]fastpixv1.MetadataValue, out func(*S) *map[string]fastpixv1.MetadataValue) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) (map[string]fastpixv1.MetadataValue, bool) {
		if m := in(c); m != nil {
			return cutMetadata(*m), true
		}
		return nil, false
	}, out)
}

// Boolean is a register of a bool.
func Boolean[S, C any](name string, in func(*C) *bool, out func(*S) **bool) Register[S, C] {
	return pointer(name, in, out)
}

// Duration is a register of a duration.
func Duration[S, C any](name string, in func(*C) *metav1.Duration, out func(*S) **metav1.Duration) Register[S, C] {
	return pointer(name, in, out)
}

// Time is a register of a time.
func Time[S, C any](name string, in func(*C) *metav1.MicroTime, out func(*S) **metav1.MicroTime) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) (*metav1.MicroTime, bool) {
		t := CutTime(in(c))
		return t, t != nil
	}, out)
}

// EventTime is a register of the credible time of the newest event that has one of the types.
func EventTime[S, C any](name string, out func(*S) **metav1.MicroTime, types ...string) Register[S, C] {
	wanted := map[string]bool{}
	for _, t := range types {
		wanted[t] = true
	}
	return newRegister(name, func(_ *C, by Event) (*metav1.MicroTime, bool) {
		if !wanted[by.Type] {
			return nil, false
		}
		t := by.BelievedTime()
		return t, t != nil
	}, out)
}

func pointer[S, C, V any](name string, in func(*C) *V, out func(*S) **V) Register[S, C] {
	return newRegister(name, func(c *C, _ Event) (*V, bool) {
		if v := in(c); v != nil {
			return new(*v), true
		}
		return nil, false
	}, out)
}

// ClearedByDeletion marks a register that a deletion of the object on the platform clears.
func ClearedByDeletion[S, C any](r Register[S, C]) Register[S, C] {
	r.clearedByDeletion = true
	return r
}

// CustomerText marks a register of a customer's own text. The policy Omit and a deletion on the platform clear it.
func CustomerText[S, C any](r Register[S, C]) Register[S, C] {
	r.clearedByDeletion, r.customerText = true, true
	return r
}
