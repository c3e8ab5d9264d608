package webhookserver

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// sharedKey warns that other endpoints accept a key of this one; nil if none does. Endpoints of other namespaces are not named:
// their names are not this namespace's to know.
func (d *directory) sharedKey(e *endpoint) *metav1.Condition {
	own := e.keys.usable(&e.current().Spec).keys
	if len(own) == 0 {
		return nil
	}
	var named []string
	elsewhere := false
	for _, other := range d.all() {
		if other == e || !overlap(own, other.keys.usable(&other.current().Spec).keys) {
			continue
		}
		if other.name.Namespace == e.name.Namespace {
			named = append(named, other.name.Name)
		} else {
			elsewhere = true
		}
	}
	slices.Sort(named)
	if elsewhere {
		named = append(named, "an endpoint of another namespace")
	}
	if named == nil {
		return nil
	}
	return &metav1.Condition{Reason: "SharedKey", Message: "The same signing secret is accepted by " + strings.Join(named, ", ") +
		": whoever holds it can send events to each. FastPix gives every webhook a secret of its own; use that one here."}
}

func overlap(a, b []signature.Key) bool {
	return slices.ContainsFunc(a, func(k signature.Key) bool { return slices.ContainsFunc(b, k.Equal) })
}

// all returns every endpoint.
func (d *directory) all() []*endpoint {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make([]*endpoint, 0, len(d.endpoints))
	for _, e := range d.endpoints {
		all = append(all, e)
	}
	return all
}
