// Package apiserver distinguishes answers of the API server from answers of a proxy before it, such as a load balancer. The receiver and the controllers
// acknowledge, discard and delete only because of an answer of the API server itself. The package also holds informers that resume soon after an outage,
// and lists that are read in pages of bounded size.
//
// It may import Kubernetes clients and no other package of this module. Start reading at IsFromProxy.
package apiserver
