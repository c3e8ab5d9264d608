// Package meter reads what a run consumed: requests in the audit log of the API server, CPU and memory of processes, and statistics of times.
package meter
