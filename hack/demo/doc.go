// Command demo shows how FastPix events become Kubernetes resources. It starts a real control plane, the three parts of the operator, with the
// arguments and the rights of a deployment, and a fake of FastPix's management API.
//
// First sync mirrors what the fake workspace had before. Then the demo sends the sample that FastPix publishes and the events of five scenarios as
// signed requests, and applies each event to the fake workspace too. Then the workspace changes and no event is sent, and a run of sync repairs the
// mirror. The demo prints what kubectl prints.
//
// At the end it checks the final state of each resource, that the run repaired nothing else, and that no secret was stored. In a terminal the demo then keeps running and
// prints how to use it. Otherwise, or with DEMO_EXIT=1, it exits with 0 or 1. DEMO_PACE sets the pause between two events, for example 1s.
//
// With -sign it only prints the FastPix-Signature of its standard input.
package main
