// Package flood attacks ports of the operator as clients do who never prove who they are: each shape makes a server hold something for as
// long as possible. The floods of tests, chaos and the end-to-end test are these. It attacks only the addresses that it is given.
package flood
