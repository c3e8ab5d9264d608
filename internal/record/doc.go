// Package record is the contract between the receiver and the controllers: the record of one event in the journal, the catalogue of event types, and
// the names of the objects that mirror them. The receiver writes records, and the controllers read them. Neither imports the other.
//
// The package is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/v1alpha1, internal/text and
// apimachinery's metadata types. Start reading at Record.
package record
