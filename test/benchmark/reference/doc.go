// Package reference holds the mirror of commit 6333e95 as a custom resource of its own. The benchmark weighs mirrors beside it: its schema and
// its content never change. It may import apimachinery only. Begin with New.
package reference
