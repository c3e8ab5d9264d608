// Command chaos breaks everything, all the time, while a sender tells the lives of hundreds of media and streams, and checks at
// the end that nothing acknowledged was lost.
//
// What runs is real: etcd with real syncs to disk, kube-apiserver, kube-controller-manager for quotas, three receivers and two controllers with leader election, each
// a process with its own identity behind TCP proxies that can fail (see docs/adr/0008-chaos-proxy.md). The sender delivers at
// least once, as FastPix does: it takes the receivers in turn, gives up on an answer after seconds, tries again until it gets
// a 2xx, sends three events in ten twice, and out of order. Faults are dealt from a seed that is printed; the same seed deals
// the same faults and tells the same lives.
//
// A fault counts as survived when it took effect, as far as that can be seen - a Secret that is gone must be missed, a quota must refuse, a
// frozen leader must be followed by another one, a flooded process must have taken connections - and an event was mirrored after it.
//
// At the end of each round, at most ten minutes long, the faults end. Then each single receiver must take an event for each tenant, and
// when the journal is empty every mirror must equal what controllers/projection makes of the events that were acknowledged; no
// process may hold more goroutines, files or memory than it did at the start, within tolerances that are printed; and no log may
// tell of a panic or of discarded records. One process of each half lives through the whole run, as leaks show with time only. At
// the end of the run no mirror of an earlier round may have changed, the leader is killed, and the other one must mirror an event within 45 seconds.
//
// Each event that was acknowledged must have been in the journal, received before it was acknowledged: the harness follows in etcd
// itself everything that is ever written there, and a gap would fail the run. So a receiver that loses one event is found by that event. What
// is lost between the journal and the mirrors is found by the mirrors alone, and an old event that newer ones outdid in everything leaves
// no trace in a status: of events removed one at a time from the lives that are told, the statuses showed 51 % in the stories of
// assets and of live streams, 100 % in those of uploads and failures, 4 % in the one that updates a media two hundred times, and 47 % of
// all as often as they are told. One that is lost while a duplicate of it is under way, and this is committed, is not found either.
//
//	go run ./test/chaos                         one round of a minute
//	go run ./test/chaos -duration 1h -gap 4s    the long form: faults far enough apart for controllers to lead in between
//	go run ./test/chaos -seed 7                 the faults of another run again
package main
