// Package plugin is "kubectl fastpix": its root command, and how an error becomes a message and an exit code. Each command is a package below it
// with a function NewCommand. Package cli has what commands share.
//
// It may import every package that all parts share, and webhookserver/signature, which is pure. It imports neither the controllers nor the
// receiver, and the operator never imports it. Start reading in root.go.
package plugin
