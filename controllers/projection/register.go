package projection

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// register is one field of a status of type S: it keeps the value of the greatest event that carried it in a change of
// type C.
type register[S, C any] struct {
	name string
	// merge sets the field if the change carries it and event by supersedes the one that set it last, and reports whether.
	merge func(s *S, c *C, by, held event) bool
	// personal marks what is forgotten once the object is deleted on the platform, by clear; customers marks what the policy Omit leaves
	// out of it.
	personal, customers bool
	clear               func(s *S)
}

// newRegister makes a register of what in returns as carried and out points to in the status; the value must be the
// status's own.
func newRegister[S, C, V any](name string, in func(c *C, by event) (V, bool), out func(*S) *V) register[S, C] {
	return register[S, C]{
		name: name,
		merge: func(s *S, c *C, by, held event) bool {
			value, carried := in(c, by)
			if !carried {
				return false
			}
			at := out(s)
			if !supersedes(by, held, value, *at) {
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

// text is a register of a text that an empty one clears.
func text[S, C any](name string, limit int, in func(*C) *string, out func(*S) *string) register[S, C] {
	return newRegister(name, func(c *C, _ event) (string, bool) {
		if s := in(c); s != nil {
			return cut(*s, limit), true
		}
		return "", false
	}, out)
}

// word is a register of a text of which an empty one says nothing.
func word[S, C any](name string, limit int, in func(*C) string, out func(*S) *string) register[S, C] {
	return newRegister(name, func(c *C, _ event) (string, bool) {
		s := cut(in(c), limit)
		return s, s != ""
	}, out)
}

// findings is a register of a list that is only ever set as a whole; an empty one says nothing.
func findings[S, C, E any](name string, fit func(E) E, in func(*C) []E, out func(*S) *[]E) register[S, C] {
	return newRegister(name, func(c *C, _ event) ([]E, bool) {
		list := cutEach(in(c), maxFindings, fit)
		return list, list != nil
	}, out)
}

// metadata is a register of a customer's own text by key.
func metadata[S, C any](name string, in func(*C) *map[string]fastpixv1.MetadataValue, out func(*S) *map[string]fastpixv1.MetadataValue) register[S, C] {
	return newRegister(name, func(c *C, _ event) (map[string]fastpixv1.MetadataValue, bool) {
		if m := in(c); m != nil {
			return cutMetadata(*m), true
		}
		return nil, false
	}, out)
}

// boolean is a register of a bool.
func boolean[S, C any](name string, in func(*C) *bool, out func(*S) **bool) register[S, C] {
	return pointer(name, in, out)
}

// duration is a register of a duration.
func duration[S, C any](name string, in func(*C) *metav1.Duration, out func(*S) **metav1.Duration) register[S, C] {
	return pointer(name, in, out)
}

// moment is a register of a time.
func moment[S, C any](name string, in func(*C) *metav1.MicroTime, out func(*S) **metav1.MicroTime) register[S, C] {
	return newRegister(name, func(c *C, _ event) (*metav1.MicroTime, bool) {
		t := cutTime(in(c))
		return t, t != nil
	}, out)
}

// eventTime is a register of the believed time of the newest event whose type is one of types.
func eventTime[S, C any](name string, out func(*S) **metav1.MicroTime, types ...string) register[S, C] {
	wanted := map[string]bool{}
	for _, t := range types {
		wanted[t] = true
	}
	return newRegister(name, func(_ *C, by event) (*metav1.MicroTime, bool) {
		if !wanted[by.typ] {
			return nil, false
		}
		t := by.believedTime()
		return t, t != nil
	}, out)
}

func pointer[S, C, V any](name string, in func(*C) *V, out func(*S) **V) register[S, C] {
	return newRegister(name, func(c *C, _ event) (*V, bool) {
		if v := in(c); v != nil {
			return new(*v), true
		}
		return nil, false
	}, out)
}

func personal[S, C any](r register[S, C]) register[S, C] {
	r.personal = true
	return r
}

// customers is a register of a customer's own text.
func customers[S, C any](r register[S, C]) register[S, C] {
	r.personal, r.customers = true, true
	return r
}
