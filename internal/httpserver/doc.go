// Package httpserver creates the HTTP servers of the process with the same limits: timeouts, header size, protocols, ciphers, and memory through
// connlimit. The receiver, the probes and the metrics use it. It may import connlimit, client-go's certificate helpers and the standard library. Start
// reading at New.
package httpserver
