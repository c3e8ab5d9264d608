package endpoint

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// pathPrefix begins every path that FastPix posts to.
const pathPrefix = "/webhooks/"

// pathOf returns the path of an endpoint.
func pathOf(name types.NamespacedName) string { return pathPrefix + name.Namespace + "/" + name.Name }

// ParsePath is the inverse of pathOf. Pass the path as it was sent, with its escapes: a name needs no escapes, so an escaped path names no
// endpoint. One slash at the end is allowed, because users paste URLs with one.
func ParsePath(path string) (types.NamespacedName, bool) {
	rest, ok := strings.CutPrefix(path, pathPrefix)
	if !ok {
		return types.NamespacedName{}, false
	}
	namespace, name, ok := strings.Cut(rest, "/")
	name = strings.TrimSuffix(name, "/")
	return types.NamespacedName{Namespace: namespace, Name: name},
		ok && namespace != "" && name != "" && !strings.Contains(name, "/")
}
