// Package docs tests that the documentation and the build files agree with the code: every metric is documented, every test that a page names
// exists, and what is built is what is said. It needs no API server. Start reading in pages_test.go.
//
//	go test ./test/integration/docs
package docs
