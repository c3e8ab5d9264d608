package mirror

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// Read reads the one mirror that the arguments of a command name, as KIND/NAME or KIND NAME. Kinds may be abbreviated as for kubectl.
func Read(o *cli.Options, args []string) (Mirror, error) {
	namespace, err := o.Namespace()
	if err != nil {
		return Mirror{}, err
	}
	infos, err := resource.NewBuilder(o.Flags).WithScheme(cli.NewScheme(), fastpixv1.GroupVersion).
		NamespaceParam(namespace).DefaultNamespace().ResourceTypeOrNameArgs(false, args...).Do().Infos()
	switch {
	case err != nil:
		return Mirror{}, err
	case len(infos) != 1:
		return Mirror{}, cli.Usagef("name one object, as KIND/NAME")
	}
	return Of(infos[0].Object)
}

// lists are the names of the kinds of mirrors, and their lists.
var lists = map[string]client.ObjectList{
	"mediaasset": &fastpixv1.MediaAssetList{}, "ma": &fastpixv1.MediaAssetList{},
	"livestream": &fastpixv1.LiveStreamList{}, "lvs": &fastpixv1.LiveStreamList{},
}

// maxCompletions bounds how many names are offered: nobody reads more.
const maxCompletions = 500

// Completion completes KIND/NAME.
func Completion(o *cli.Options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kind, _, found := strings.Cut(prefix, "/")
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if !found {
			return []cobra.Completion{"mediaasset/", "livestream/"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		names, err := namesOf(cmd, o, lists[kind])
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for i := range names {
			names[i] = kind + "/" + names[i]
		}
		return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) }), cobra.ShellCompDirectiveNoFileComp
	}
}

func namesOf(cmd *cobra.Command, o *cli.Options, list client.ObjectList) ([]string, error) {
	if list == nil {
		return nil, nil
	}
	namespace, err := o.Namespace()
	if err != nil {
		return nil, err
	}
	c, err := o.Client()
	if err != nil {
		return nil, err
	}
	into, _ := list.DeepCopyObject().(client.ObjectList)
	if err := c.List(cmd.Context(), into, client.InNamespace(namespace), client.Limit(maxCompletions)); err != nil {
		return nil, err
	}
	var names []string
	err = apimeta.EachListItem(into, func(item runtime.Object) error {
		accessor, err := apimeta.Accessor(item)
		if err == nil {
			names = append(names, accessor.GetName())
		}
		return err
	})
	return names, err
}
