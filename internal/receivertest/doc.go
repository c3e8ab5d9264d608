// Package receivertest holds what the tests of the receiver's packages share: an endpoint, its Secret, and the API servers that tests
// read them from. It may import the API types and the clients of Kubernetes, and only tests may import it. Start with Endpoint.
package receivertest
