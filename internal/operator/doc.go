// Package operator puts a process together: the flags of all parts, the manager that serves probes, metrics and the receiver, and the managers
// of the controllers and of the syncer, each with its lease and its restarts.
//
// It may import every other package of the product; only main imports it. Begin with Run.
package operator
