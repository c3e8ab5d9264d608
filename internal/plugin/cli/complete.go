package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// completionTimeout is how long a shell waits for names.
	completionTimeout = 3 * time.Second
	// maxCompletions bounds how many names a shell offers.
	maxCompletions = 500
)

// CompleteNames completes the first argument of a command by the names of objects of the namespace. The list says of which kind they are.
func CompleteNames(o *Options, list client.ObjectList) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		namespace, err := o.Namespace()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return o.complete(cmd.Context(), namespace, list)
	}
}

// CompleteNamespaces completes a flag by the names of namespaces.
func CompleteNamespaces(o *Options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return o.complete(cmd.Context(), "", &corev1.NamespaceList{})
	}
}

func (o *Options) complete(ctx context.Context, namespace string, list client.ObjectList) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, err := o.names(ctx, namespace, list)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (o *Options) names(ctx context.Context, namespace string, list client.ObjectList) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	c, err := o.Client()
	if err != nil {
		return nil, err
	}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.Limit(maxCompletions)); err != nil {
		return nil, err
	}
	var names []string
	err = apimeta.EachListItem(list, func(item runtime.Object) error {
		object, err := apimeta.Accessor(item)
		if err == nil {
			names = append(names, object.GetName())
		}
		return err
	})
	return names, err
}
