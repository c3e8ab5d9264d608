package cli

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Each lists objects in pages and calls a function with each of them, so that memory does not grow with their number. The list says of which kind they are.
func Each[O client.Object](ctx context.Context, c client.Reader, list client.ObjectList, each func(O) error, opts ...client.ListOption) error {
	pages := pager.New(func(ctx context.Context, page metav1.ListOptions) (runtime.Object, error) {
		into, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("%T is no list", list)
		}
		all := append([]client.ListOption{client.Limit(page.Limit), client.Continue(page.Continue)}, opts...)
		return into, c.List(ctx, into, all...)
	})
	return pages.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		o, ok := item.(O)
		if !ok {
			return fmt.Errorf("the list holds a %T", item)
		}
		return each(o)
	})
}
