// Package record is the seam between the two halves of the operator: the record of one event in the journal, the catalogue
// of event types, and the names of the objects that mirror them. The receiver writes records, the controllers read them;
// neither imports the other.
//
// It is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/v1alpha1 and
// apimachinery's metadata types.
package record
