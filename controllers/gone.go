package controllers

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// isGone reports that the API server says of an object that it does not exist. A 404 in any other form is the answer of somebody in
// between, such as a load balancer, or of an API server that does not serve the kind at the moment: it says nothing about the
// object, and nothing may be forgotten because of it.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) && !isStrangers(err)
}

// isStrangers reports that an answer is not one of an API server.
func isStrangers(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// shown returns an error if an answer to a write does not show the object: who answers 200 to everything is not the API server.
func shown(o client.Object) error {
	if o.GetResourceVersion() == "" {
		return errors.New("the answer to a write does not show the object: is there a proxy before the API server?")
	}
	return nil
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
