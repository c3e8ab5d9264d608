// Package framework is what the areas of test/integration share: the operator as config/default installs it on a real API server, in two
// processes with the tokens of their ServiceAccounts; endpoints and deliveries; further processes; and waiting.
//
// The tests of a package share one deployment, Deployed, which Main makes. They protect the three promises that no unit test can: nothing
// acknowledged is lost, the mirrors depend on the set of events alone, and nothing secret or forged gets in.
//
// Only tests import this package. Its subpackages serve programs too: controlplane and process run servers, fixtures holds samples. Start reading
// in deployment.go.
package framework
