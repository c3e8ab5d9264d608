package webhookserver

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// maxSharersNamed bounds the names in a warning: a condition's message holds 32 KiB.
const maxSharersNamed = 10

// sharedKey warns that other endpoints accept a key of this one; nil if none does. Endpoints of other namespaces are not named:
// their names are not this namespace's to know.
func (d *directory) sharedKey(e *endpoint) *metav1.Condition {
	own := e.keys.usable(&e.current().Spec).keys
	var named []string
	elsewhere := false
	for _, other := range d.hold(e, own) {
		near := other.name.Namespace == e.name.Namespace
		switch {
		case !near && elsewhere, !overlap(own, other.keys.usable(&other.current().Spec).keys):
		case near:
			named = append(named, other.name.Name)
		default:
			elsewhere = true
		}
	}
	if named == nil && !elsewhere {
		return nil
	}
	slices.Sort(named)
	if more := len(named) - maxSharersNamed; more > 0 {
		named = append(named[:maxSharersNamed], fmt.Sprintf("%d more", more))
	}
	if elsewhere {
		named = append(named, "an endpoint of another namespace")
	}
	return &metav1.Condition{Reason: "SharedKey", Message: "The same signing secret is accepted by " + strings.Join(named, ", ") +
		": whoever holds it can send events to each. FastPix gives every webhook a secret of its own; use that one here."}
}

func overlap(a, b []signature.Key) bool {
	return slices.ContainsFunc(a, func(k signature.Key) bool { return slices.ContainsFunc(b, k.Equal) })
}

// hold notes which keys an endpoint accepts, and returns the other endpoints that accepted one with the same fingerprint when theirs were
// noted. Each endpoint is looked at whenever its keys change, and must not look at all others.
func (d *directory) hold(e *endpoint, keys []signature.Key) []*endpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endpoints[e.name] != e {
		return nil
	}
	d.letGo(e)
	var others []*endpoint
	for _, k := range keys {
		fingerprint := k.Fingerprint()
		if d.holders[fingerprint] == nil {
			d.holders[fingerprint] = map[*endpoint]bool{}
		}
		for other := range d.holders[fingerprint] {
			if other != e && !slices.Contains(others, other) {
				others = append(others, other)
			}
		}
		d.holders[fingerprint][e] = true
		e.held = append(e.held, fingerprint)
	}
	return others
}

// letGo forgets which keys an endpoint accepts. The caller holds the lock.
func (d *directory) letGo(e *endpoint) {
	for _, fingerprint := range e.held {
		if delete(d.holders[fingerprint], e); len(d.holders[fingerprint]) == 0 {
			delete(d.holders, fingerprint)
		}
	}
	e.held = nil
}
