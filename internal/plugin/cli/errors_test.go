package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestMissingRightIsNamed protects the message of a missing right, and that no other refusal is taken for one.
func TestMissingRightIsNamed(t *testing.T) {
	forbidden := func(message string) error {
		return fmt.Errorf("list: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", errors.New(message)))
	}
	tests := map[string]struct {
		err  error
		want Right
	}{
		"in a namespace":   {forbidden(`User "u" cannot list resource "mediaassets" in API group "video.fastpix.com" in the namespace "video"`), Right{"list", "mediaassets.video.fastpix.com", "video"}},
		"of the core":      {forbidden(`User "u" cannot get resource "secrets" in API group "" in the namespace "video"`), Right{"get", "secrets", "video"}},
		"of a subresource": {forbidden(`User "u" cannot create resource "pods/portforward" in API group "" in the namespace "n"`), Right{"create", "pods/portforward", "n"}},
		"of the cluster":   {forbidden(`User "u" cannot list resource "webhookendpoints" in API group "video.fastpix.com" at the cluster scope`), Right{"list", "webhookendpoints.video.fastpix.com", ""}},
		"a quota":          {forbidden("exceeded quota"), Right{}},
		"another error":    {errors.New(`User "u" cannot list resource "mediaassets" in API group "video.fastpix.com"`), Right{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			right, ok := MissingRight(tt.err)
			if right != tt.want || ok != (tt.want != Right{}) {
				t.Errorf("the right is %v, %v", right, ok)
			}
			if explained := Explain(tt.err).Error(); ok != strings.Contains(explained, "kubectl auth can-i "+tt.want.Verb) {
				t.Errorf("it is explained as %s", explained)
			}
		})
	}
}
