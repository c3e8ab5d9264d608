// Package httpserver makes the HTTP servers of the process, with one set of limits: of time, of headers, of protocols and ciphers, and of
// memory through connlimit. The receiver, the probes and the metrics are served by it. It may import connlimit and the standard library.
package httpserver
