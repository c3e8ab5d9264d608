// Package tenant holds what a user creates in a namespace to receive events, as config/samples does, and the names of the operator's parts.
// The benchmark, the fault test and the integration tests share it. It may import the API types, the types of Kubernetes and
// test/framework/fixtures. Start with SigningSecret.
package tenant
