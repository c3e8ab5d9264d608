package mirror

import (
	"strings"

	"github.com/spf13/cobra"
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

// lists are the lists of the kinds of mirrors, by the names of the kinds.
var lists = map[string]func() client.ObjectList{"mediaasset": mediaAssets, "ma": mediaAssets, "livestream": liveStreams, "lvs": liveStreams}

func mediaAssets() client.ObjectList { return &fastpixv1.MediaAssetList{} }
func liveStreams() client.ObjectList { return &fastpixv1.LiveStreamList{} }

// Completion completes KIND/NAME.
func Completion(o *cli.Options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kind, _, found := strings.Cut(prefix, "/")
		list := lists[kind]
		switch {
		case len(args) > 0 || found && list == nil:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case !found:
			return []cobra.Completion{"mediaasset/", "livestream/"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		names, directive := cli.CompleteNames(o, list())(cmd, nil, "")
		for i := range names {
			names[i] = kind + "/" + names[i]
		}
		return names, directive
	}
}
