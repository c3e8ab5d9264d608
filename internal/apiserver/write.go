package apiserver

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CheckReturned returns an error if an answer to a write does not show the object: who answers 200 to everything is not the API server.
func CheckReturned(o client.Object) error {
	if o.GetResourceVersion() == "" {
		return errors.New("the answer to a write does not show the object: is there a proxy before the API server?")
	}
	return nil
}

// IgnoreNotFound returns nil for the news that an object does not exist.
func IgnoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// IgnoreStale takes a conflict as news of a change whose watch event will bring the object back.
func IgnoreStale(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return IgnoreNotFound(err)
}
