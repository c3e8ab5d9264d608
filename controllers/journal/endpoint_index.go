package journal

import (
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// endpointCount is how many records of an endpoint a batch holds. A map for each of thousands of batches would take four times the memory.
type endpointCount struct {
	endpoint *types.NamespacedName // all batches share it if the endpoint exists
	records  int64
}

// EndpointIndex holds the names of the WebhookEndpoints that exist. Receivers write the annotations of a batch, so their names are not kept in
// memory: a count of an endpoint that exists refers to the name in the index, and other counts are omitted.
type EndpointIndex struct {
	mu    sync.RWMutex
	names map[types.NamespacedName]*types.NamespacedName
}

func newEndpointIndex() *EndpointIndex {
	return &EndpointIndex{names: map[types.NamespacedName]*types.NamespacedName{}}
}

// Add adds the name of an endpoint that exists.
func (x *EndpointIndex) Add(name types.NamespacedName) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.names[name] == nil {
		x.names[name] = &name
	}
}

func (x *EndpointIndex) remove(name types.NamespacedName) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.names, name)
}

// Has reports whether an endpoint exists.
func (x *EndpointIndex) Has(name types.NamespacedName) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.names[name] != nil
}

// known returns the name of an endpoint that exists, and the empty name for any other. A record that cannot be read may name any endpoint, and a
// batch of failed records for each of these names would fill the journal.
func (x *EndpointIndex) known(name types.NamespacedName) types.NamespacedName {
	if x.Has(name) {
		return name
	}
	return types.NamespacedName{}
}

// Handler keeps the index equal to an informer of WebhookEndpoints.
func (x *EndpointIndex) Handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { x.Add(client.ObjectKeyFromObject(object.(*fastpixv1.WebhookEndpoint))) },
		DeleteFunc: func(object any) {
			if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			x.remove(client.ObjectKeyFromObject(object.(*fastpixv1.WebhookEndpoint)))
		},
	}
}

// counts returns the counts of a batch as the backlog keeps them. A batch of one endpoint keeps the name even if the endpoint does not exist,
// because failed records of a deleted endpoint are counted, too.
func (x *EndpointIndex) counts(byEndpoint map[types.NamespacedName]int64) []endpointCount {
	x.mu.RLock()
	defer x.mu.RUnlock()
	counts := make([]endpointCount, 0, min(len(byEndpoint), len(x.names)+1))
	for endpoint, n := range byEndpoint {
		name := x.names[endpoint]
		if name == nil && len(byEndpoint) == 1 {
			// The clone keeps the rest of the annotation out of memory.
			name = &types.NamespacedName{Namespace: strings.Clone(endpoint.Namespace), Name: strings.Clone(endpoint.Name)}
		}
		if name != nil {
			counts = append(counts, endpointCount{name, n})
		}
	}
	return counts
}
