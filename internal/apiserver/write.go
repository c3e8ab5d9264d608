package apiserver

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CheckReturned returns an error if the answer to a write does not return the object. A proxy may answer 200 to every request.
func CheckReturned(o client.Object) error {
	if o.GetResourceVersion() == "" {
		return errors.New("the answer to a write does not contain the object; check the proxy between the operator and the API server")
	}
	return nil
}

// IgnoreNotFound returns nil if the API server itself says that the object does not exist.
func IgnoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// IgnoreStale returns nil if the object has changed or does not exist. A watch event of the change enqueues the object again.
func IgnoreStale(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return IgnoreNotFound(err)
}
