// Package lean strips objects before an informer keeps them. Users can write much into an object that the operator never reads, and the memory of the
// informers must not grow with it. The receiver and the controllers import it. It imports only the API types. Start reading at Transform.
package lean
