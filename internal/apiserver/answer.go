package apiserver

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IsFromProxy reports whether an error does not come from the API server itself, or comes from one that does not serve the kind at the moment. Such an
// answer says nothing about the object, whatever its code is.
func IsFromProxy(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// IsNotFound reports whether the API server itself says that an object does not exist.
func IsNotFound(err error) bool { return apierrors.IsNotFound(err) && !IsFromProxy(err) }

// IsAlreadyExists reports whether the API server itself says that an object that was to be created exists.
func IsAlreadyExists(err error) bool { return apierrors.IsAlreadyExists(err) && !IsFromProxy(err) }
