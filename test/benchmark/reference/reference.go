package reference

import (
	_ "embed"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of the frozen kind, whose CRD is crd.yaml.
const Group = "reference.example.com"

var kind = schema.GroupVersionKind{Group: Group, Version: "v1alpha1", Kind: "ReferenceAsset"}

// mirror is spec and status of a MediaAsset after five events, as the operator of commit 6333e95 wrote them.
//
//go:embed mirror.json
var mirror []byte

// New returns the frozen mirror without a name.
func New(namespace string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(mirror, &o.Object); err != nil {
		panic(err) // the file is part of the binary
	}
	o.SetGroupVersionKind(kind)
	o.SetNamespace(namespace)
	return o
}

// NewList returns an empty list of the frozen kind.
func NewList() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind("ReferenceAssetList"))
	return list
}

// Number changes an object of the benchmark by the number of a write, so that no write leaves it as it was.
func Number(o metav1.Object, n int) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		_ = unstructured.SetNestedField(u.Object, int64(n), "status", "observedGeneration")
	}
	o.SetLabels(map[string]string{"write": string(rune('0' + n))})
}
