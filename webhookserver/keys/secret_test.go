package keys

import (
	"context"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

func TestAnswerOfAProxySaysNothingAboutASecret(t *testing.T) {
	t.Parallel()
	ref := fastpixv1.SigningSecretReference{Name: "signing", Key: fastpixv1.DefaultSigningSecretKey}
	reader := fake.NewClientBuilder().WithScheme(receivertest.Scheme()).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewGenericServerResponse(http.StatusNotFound, "get", schema.GroupResource{}, "", "404 page not found", 0, true)
		},
	}).Build()
	s := secretReader{reader: reader, namespace: "video", results: map[string]secretResult{}}
	if got := s.key(t.Context(), ref).Problem; got != fastpixv1.ReasonSecretUnreadable {
		t.Errorf("a 404 of a load balancer means %s", got)
	}
}
