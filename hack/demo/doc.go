// Command demo shows how FastPix events become Kubernetes resources. It starts a real control plane and the operator, with the arguments
// and the rights of a deployment. It sends the sample that FastPix publishes and the events of five scenarios as signed requests, and
// prints what kubectl prints.
//
// At the end it checks the final state of each resource, and that no secret was stored. In a terminal the demo then keeps running and
// prints how to use it. Otherwise, or with DEMO_EXIT=1, it exits with 0 or 1. DEMO_PACE sets the pause between two events, for example 1s.
//
// With -sign it only prints the FastPix-Signature of its standard input.
package main
