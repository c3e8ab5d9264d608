// Package keys reads the signing secrets of an endpoint, keeps their keys for a bounded time, and reads them again when a signature fits no
// key. It may import the API types, webhookserver/signature, the packages of internal/ and a client that reads Secrets; it never imports
// webhookserver or webhookserver/endpoint. Start with Keyring.
package keys
