// Package fastpixfake is a fake of FastPix's management API: workspaces of media and live streams that change, served over HTTP in pages and
// one by one, with the faults that the real API and the networks before it have. It answers as captured replies of the real API do (testdata),
// secrets of streams included. It counts and checks the requests. Tests, the demo, the fault test and the benchmark use it. It may import the
// standard library, internal/clock and internal/record. Start with New.
package fastpixfake
