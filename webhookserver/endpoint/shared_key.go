package endpoint

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// maxSharersNamed bounds the names in a warning, which says no number of others: every endpoint would be written anew whenever one comes or
// goes.
const maxSharersNamed = 10

// sharedKey warns that other endpoints accept a key of this one; nil if none does. Endpoints of other namespaces are not named:
// their names are not this namespace's to know. Nor does a weak key show that another namespace accepts it, or whoever may write a Secret
// here could guess that namespace's key, without a delivery that the other would see.
func (d *Directory) sharedKey(e *Endpoint) *metav1.Condition {
	own := e.Keys.Usable(&e.Current().Spec).Keys
	d.hold(e, own)
	strong := slices.DeleteFunc(slices.Clone(own), signature.Key.Weak)
	var named []string
	elsewhere := false
	for _, other := range d.sharers(e, own) {
		near := other.Name.Namespace == e.Name.Namespace
		enough := near && len(named) > maxSharersNamed || !near && elsewhere
		shown := own
		if !near {
			shown = strong
		}
		if enough || !overlap(shown, other.Keys.Usable(&other.Current().Spec).Keys) {
			continue
		}
		if near {
			named = append(named, other.Name.Name)
		} else {
			elsewhere = true
		}
	}
	if named == nil && !elsewhere {
		return nil
	}
	if len(named) > maxSharersNamed {
		named[maxSharersNamed] = "others of this namespace"
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

// hold notes which keys an endpoint accepts, by their fingerprints. Every endpoint is looked at again and again, and must not look at all
// others.
func (d *Directory) hold(e *Endpoint, accepted []signature.Key) {
	fingerprints := make([]string, 0, len(accepted))
	for _, k := range accepted {
		fingerprints = append(fingerprints, k.Fingerprint())
	}
	if d.holds(e, fingerprints) {
		return // as nearly always: deliveries wait for whoever writes
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endpoints[e.Name] != e {
		return
	}
	d.letGo(e)
	e.held = fingerprints
	for _, fingerprint := range fingerprints {
		if d.holders[fingerprint] == nil {
			d.holders[fingerprint] = map[*Endpoint]bool{}
		}
		d.holders[fingerprint][e] = true
	}
}

func (d *Directory) holds(e *Endpoint, fingerprints []string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Equal(e.held, fingerprints)
}

// letGo forgets which keys an endpoint accepts. The caller holds the lock.
func (d *Directory) letGo(e *Endpoint) {
	for _, fingerprint := range e.held {
		if delete(d.holders[fingerprint], e); len(d.holders[fingerprint]) == 0 {
			delete(d.holders, fingerprint)
		}
	}
	e.held = nil
}

// sharers returns the other endpoints that have accepted a key with the same fingerprint, by name.
func (d *Directory) sharers(e *Endpoint, accepted []signature.Key) []*Endpoint {
	sharers := map[*Endpoint]bool{}
	d.mu.RLock()
	for _, k := range accepted {
		maps.Copy(sharers, d.holders[k.Fingerprint()])
	}
	d.mu.RUnlock()
	delete(sharers, e)
	return slices.SortedFunc(maps.Keys(sharers), func(a, b *Endpoint) int { return strings.Compare(a.Name.String(), b.Name.String()) })
}
