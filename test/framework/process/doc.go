// Package process runs child processes that can be stopped, killed, paused and started again, and that never outlive the process that started them.
// It also finds free ports, and reads and limits memory. Start reading in process.go.
package process
