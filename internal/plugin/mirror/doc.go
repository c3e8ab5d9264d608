// Package mirror reads MediaAssets and LiveStreams for the commands that look at one of them. What both kinds have is the same here.
//
// It imports the API types, internal/record and package cli. Start reading in mirror.go.
package mirror
