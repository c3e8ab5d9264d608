package endpoint

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// rounds selects the endpoints that are published in one interval. It serves the namespaces in turn, and the endpoints of each namespace in
// turn, so that a namespace with thousands of busy endpoints does not delay the counts of other namespaces.
type rounds struct {
	namespace string            // the namespace that was served last
	endpoint  map[string]string // the endpoint that was served last, by namespace
}

// next returns at most maxPublishes of the endpoints.
func (r *rounds) next(endpoints []types.NamespacedName) []types.NamespacedName {
	byNamespace := map[string][]string{}
	for _, e := range endpoints {
		byNamespace[e.Namespace] = append(byNamespace[e.Namespace], e.Name)
	}
	if r.endpoint == nil {
		r.endpoint = map[string]string{}
	}
	maps.DeleteFunc(r.endpoint, func(namespace, _ string) bool { return byNamespace[namespace] == nil })
	for namespace, names := range byNamespace {
		slices.Sort(names)
		byNamespace[namespace] = startAfter(names, r.endpoint[namespace])
	}
	namespaces := startAfter(slices.Sorted(maps.Keys(byNamespace)), r.namespace)
	var selected []types.NamespacedName
	for i := 0; len(selected) < min(maxPublishes, len(endpoints)); i++ {
		namespace := namespaces[i%len(namespaces)]
		names := byNamespace[namespace]
		if len(names) == 0 {
			continue
		}
		selected = append(selected, types.NamespacedName{Namespace: namespace, Name: names[0]})
		byNamespace[namespace] = names[1:]
		r.namespace, r.endpoint[namespace] = namespace, names[0]
	}
	return selected
}

// startAfter returns a sorted list rotated so that it begins after an element.
func startAfter(sorted []string, last string) []string {
	i, found := slices.BinarySearch(sorted, last)
	if found {
		i++
	}
	return slices.Concat(sorted[i:], sorted[:i])
}
