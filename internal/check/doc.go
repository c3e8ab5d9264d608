// Package check requests URLs of a running operator and compares the statuses of the answers. The pod of `helm test` runs it, because the image
// has no shell and no other program. It imports only the standard library. Read check.go first.
package check
