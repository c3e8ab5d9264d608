package main

import (
	"slices"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// names returns the sorted names of a list's objects.
func names(t *testing.T, list client.ObjectList) []string {
	t.Helper()
	var names []string
	err := apimeta.EachListItem(list, func(o runtime.Object) error {
		accessor, err := apimeta.Accessor(o)
		if err == nil {
			names = append(names, accessor.GetName())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}
