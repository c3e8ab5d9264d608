package metricsguard

import (
	"context"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// reviewTimeout bounds the two requests about one token. Scrapers wait 10 seconds by default.
const reviewTimeout = 5 * time.Second

// metricsPath is the path that a ClusterRole must allow by nonResourceURLs.
const metricsPath = "/metrics"

// reviewer reviews tokens by requests to the API server.
type reviewer struct {
	tokens authenticationclient.TokenReviewInterface
	access authorizationclient.SubjectAccessReviewInterface
}

// review returns 200 and the name of the user for a token whose user may get /metrics, 401 for an invalid token, 403 for a user without the right, and 503
// if the API server does not answer. Errors of the API server are not logged, because they may quote the token.
func (r reviewer) review(ctx context.Context, token string) (answer, string) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	about, err := r.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, ""
	case !about.Status.Authenticated || about.Status.Error != "":
		return http.StatusUnauthorized, ""
	}
	access, err := r.access.Create(ctx, accessOf(about.Status.User), metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, ""
	case !access.Status.Allowed || access.Status.Denied:
		return http.StatusForbidden, ""
	}
	return http.StatusOK, about.Status.User.Username
}

// accessOf returns the request that reviews whether a user may get /metrics.
func accessOf(user authenticationv1.UserInfo) *authorizationv1.SubjectAccessReview {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, value := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: metricsPath, Verb: "get"},
	}}
}
