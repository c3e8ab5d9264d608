package endpoint

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// maxNamedEndpoints bounds the names in a warning. The warning does not count the others: the status of every endpoint would change with
// each new endpoint.
const maxNamedEndpoints = 10

// sharedKeyCondition returns the warning that other endpoints accept a key of this one; nil if none does. It does not name endpoints of
// other namespaces, because users of this namespace may not know their names. For a weak key it ignores other namespaces: a user who may
// write a Secret here could otherwise guess the key of another namespace without sending a delivery.
func (d *Directory) sharedKeyCondition(e *Endpoint) *metav1.Condition {
	own := e.Keys.Usable(&e.Current().Spec).Keys
	d.indexKeys(e, own)
	strong := slices.DeleteFunc(slices.Clone(own), signature.Key.Weak)
	var named []string
	inOtherNamespace := false
	for _, other := range d.withSameKey(e, own) {
		sameNamespace := other.Name.Namespace == e.Name.Namespace
		compared := own
		if !sameNamespace {
			compared = strong
		}
		enough := sameNamespace && len(named) > maxNamedEndpoints || !sameNamespace && inOtherNamespace
		if enough || !overlap(compared, other.Keys.Usable(&other.Current().Spec).Keys) {
			continue
		}
		if sameNamespace {
			named = append(named, other.Name.Name)
		} else {
			inOtherNamespace = true
		}
	}
	if named == nil && !inOtherNamespace {
		return nil
	}
	if len(named) > maxNamedEndpoints {
		named[maxNamedEndpoints] = "other endpoints of this namespace"
	}
	if inOtherNamespace {
		named = append(named, "an endpoint of another namespace")
	}
	return &metav1.Condition{Reason: "SharedKey", Message: "The same signing secret is also accepted by " + strings.Join(named, ", ") +
		": a sender that has it can send events to all of them. FastPix gives each webhook its own signing secret. Store that one for this endpoint."}
}

// overlap reports whether the two lists have a key in common.
func overlap(a, b []signature.Key) bool {
	return slices.ContainsFunc(a, func(k signature.Key) bool { return slices.ContainsFunc(b, k.Equal) })
}

// indexKeys records which keys an endpoint accepts, by their fingerprints. With this index a reconciliation does not compare its endpoint
// with all others.
func (d *Directory) indexKeys(e *Endpoint, accepted []signature.Key) {
	fingerprints := make([]string, 0, len(accepted))
	for _, k := range accepted {
		fingerprints = append(fingerprints, k.Fingerprint())
	}
	if d.indexed(e, fingerprints) {
		return // the usual case; it takes no write lock, for which deliveries would wait
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endpoints[e.Name] != e {
		return
	}
	d.unindexKeys(e)
	e.fingerprints = fingerprints
	for _, fingerprint := range fingerprints {
		if d.byFingerprint[fingerprint] == nil {
			d.byFingerprint[fingerprint] = map[*Endpoint]bool{}
		}
		d.byFingerprint[fingerprint][e] = true
	}
}

// forgetKeys drops the keys of an endpoint that has no signing secret any more.
func (d *Directory) forgetKeys(e *Endpoint) {
	e.Keys.Forget()
	d.indexKeys(e, nil)
}

func (d *Directory) indexed(e *Endpoint, fingerprints []string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Equal(e.fingerprints, fingerprints)
}

// unindexKeys removes the keys of an endpoint from the index. The caller holds the lock.
func (d *Directory) unindexKeys(e *Endpoint) {
	for _, fingerprint := range e.fingerprints {
		if delete(d.byFingerprint[fingerprint], e); len(d.byFingerprint[fingerprint]) == 0 {
			delete(d.byFingerprint, fingerprint)
		}
	}
	e.fingerprints = nil
}

// withSameKey returns the other endpoints that have accepted a key with the same fingerprint, sorted by name.
func (d *Directory) withSameKey(e *Endpoint, accepted []signature.Key) []*Endpoint {
	sharers := map[*Endpoint]bool{}
	d.mu.RLock()
	for _, k := range accepted {
		maps.Copy(sharers, d.byFingerprint[k.Fingerprint()])
	}
	d.mu.RUnlock()
	delete(sharers, e)
	return slices.SortedFunc(maps.Keys(sharers), func(a, b *Endpoint) int { return strings.Compare(a.Name.String(), b.Name.String()) })
}
