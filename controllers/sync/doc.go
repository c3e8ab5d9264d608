// Package sync is the third part of the operator, the syncer: it compares the mirrors with FastPix's management API, and appends what differs to
// the journal as observations. It never writes a mirror.
//
// The syncer runs under an identity of its own, because it alone holds credentials of the API. It sends GET requests only. Of the other packages of
// the controllers it imports only those that write nothing. The controllers and the receiver never import it.
//
// Start reading at AddToManager. File rbac.go lists the rights of the identity.
package sync
