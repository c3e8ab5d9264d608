// Package gitops holds the tests of config/gitops, with the libraries by which Flux and Argo CD judge objects: kstatus, and a
// Lua interpreter.
package gitops
