// Command eventdocs writes docs/events.md from the catalogue of event types to standard output, for `make generate`.
package main
