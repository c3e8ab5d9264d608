// Package merge holds what statuses are made of: fields, lists and members of lists that keep the value of the greatest event that carried
// it, with the event that set each of them (the provenance). Merging events gives the same in every order, and merging one again changes
// nothing.
//
// It is pure: it imports the API types and nothing that has a client, a clock or a logger. Begin with Register.
package merge
