package controllers

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// isGone reports that the API server says of an object that it does not exist. A 404 in any other form is the answer of somebody in
// between, such as a load balancer, or of an API server that does not serve the kind at the moment: it says nothing about the
// object, and nothing may be forgotten because of it.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// ignoreGone returns nil for the news that an object does not exist.
func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}

// ignoreStale takes a conflict as news of a change whose watch event will bring the object back.
func ignoreStale(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return ignoreGone(err)
}
