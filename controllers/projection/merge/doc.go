// Package merge holds the parts of a status: fields, lists and elements of lists. Each keeps the value of the greatest event that carried it, and
// which event that was (the provenance). Merging events gives the same result in every order, and merging an event again changes nothing.
//
// The package is pure: it imports the API types and nothing that has a client, a clock or a logger. Start reading at Register.
package merge
