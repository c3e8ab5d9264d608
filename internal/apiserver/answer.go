// Package apiserver tells what an API server says from what somebody between says, such as a load balancer. Both halves forget and
// acknowledge by the API server's own word alone.
package apiserver

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IsFromProxy reports that an answer is not one of an API server, or of one that does not serve the kind at the moment: it says nothing
// about the object, whatever its code.
func IsFromProxy(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// IsNotFound reports that the API server says of an object that it does not exist.
func IsNotFound(err error) bool { return apierrors.IsNotFound(err) && !IsFromProxy(err) }

// IsAlreadyExists reports that the API server says of an object that is to be created that it exists.
func IsAlreadyExists(err error) bool { return apierrors.IsAlreadyExists(err) && !IsFromProxy(err) }
