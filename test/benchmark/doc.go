// Command bench measures the operator as it is deployed beside the floor of the API server it runs on, and prints how far
// each figure is from its bar. See docs/performance.md for what the figures mean.
//
// One repetition is one control plane with real syncs to disk: the floor (bare client-go, a ServiceAccount, statuses that the
// operator wrote), the operator's figures, and the floor again. A repetition whose floor moved by more than a fifth in between
// says nothing and is discarded. Requests are counted from the API server's audit log, at the end of each burst every mirror
// is compared with what the events say, and one that is wrong fails the run: a fast operator that loses events has no figures.
//
//	go run ./test/benchmark                 the quick form: checks that everything works; its timings say little
//	go run ./test/benchmark -full           20,000 events a burst, the median of three repetitions
//	go run ./test/benchmark -growth         cost and memory with up to 100,000 assets, a full journal, and up to 1,000 endpoints
//	go run ./test/benchmark -long           both
//	go run ./test/benchmark -sync           how fast an existing workspace is mirrored, and what a comparison with it costs
package main
