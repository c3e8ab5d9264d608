// Package tree is the command "kubectl fastpix tree": namespaces, their endpoints, and the media and live streams of each with recordings and clips.
//
// Start reading in command.go. gather.go reads the objects, node.go draws them.
package tree

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Show namespaces, their endpoints, and the live streams and media that belong to each endpoint. The recordings and clips of a live stream are below it.

Below each parent at most --limit objects are shown. You need the right to list WebhookEndpoints, LiveStreams and MediaAssets.`

const example = `  # Show what a namespace has
  kubectl fastpix tree --namespace video

  # Show all namespaces, and all objects of each
  kubectl fastpix tree -A --limit 0`

type options struct {
	*cli.Options
	scope   cli.Scope
	printer *cli.Printer
	limit   int
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "tree", Short: "Show endpoints with their live streams and media as a tree", Long: long, Example: example,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.scope.AddFlags(cmd)
	cmd.Flags().IntVar(&o.limit, "limit", 20, "How many objects to show below each parent; 0 shows all")
	o.printer.AddFlags(cmd)
	return cmd
}

func (o *options) run(ctx context.Context) error {
	if o.limit < 0 {
		return cli.Usagef("--limit must not be negative")
	}
	c, namespace, err := o.scope.Client(o.Options)
	if err != nil {
		return err
	}
	g := newGathering(o.limit)
	if err := g.read(ctx, c, namespace); err != nil {
		return err
	}
	root := g.root()
	if o.printer.IsName() {
		return o.printer.PrintNames(o.Out, root.objects())
	}
	if o.printer.IsTable() {
		return draw(o.Out, root)
	}
	report, err := cli.Report("Tree", map[string]any{"namespaces": root.plain()})
	if err != nil {
		return err
	}
	return o.printer.Print(o.Out, nil, report)
}
