package apiserver

import (
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestAnswersOfProxiesDoNotCount protects records from being discarded or acknowledged because of a proxy's answer: the same status codes
// mean nothing there.
func TestAnswersOfProxiesDoNotCount(t *testing.T) {
	t.Parallel()
	things := schema.GroupResource{Resource: "things"}
	if err := apierrors.NewNotFound(things, "x"); !IsNotFound(err) || IsFromProxy(err) {
		t.Error("the API server's own 404 does not count")
	}
	if err := apierrors.NewAlreadyExists(things, "x"); !IsAlreadyExists(err) || IsFromProxy(err) {
		t.Error("the API server's own 409 does not count")
	}
	for code, verb := range map[int]string{http.StatusNotFound: http.MethodGet, http.StatusConflict: http.MethodPost} {
		err := apierrors.NewGenericServerResponse(code, verb, things, "x", "a page", 0, true)
		if IsNotFound(err) || IsAlreadyExists(err) || !IsFromProxy(err) {
			t.Errorf("a page with %d counts", code)
		}
	}
}
