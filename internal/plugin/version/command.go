// Package version is the command "kubectl fastpix version": the versions of the plugin, of the operator and of its kinds.
package version

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

const long = `Show the versions of this plugin, of the parts of the operator, and whether the kinds of the cluster are those of the plugin.

The version of a part is the tag or the digest of its image. To read it you need the right to list Deployments in the namespace of the operator.`

const example = `  # Show all versions
  kubectl fastpix version

  # Show the version of the plugin without asking the cluster, as JSON
  kubectl fastpix version --client -o json`

type options struct {
	*cli.Options
	printer *cli.Printer
	client  bool
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewReportPrinter()}
	cmd := &cobra.Command{
		Use: "version", Short: "Show the versions of plugin, operator and kinds", Long: long, Example: example,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.client, "client", false, "Show only the version of the plugin, and do not ask the cluster")
	o.printer.AddFlags(cmd)
	return cmd
}

// report is what the command found.
type report struct {
	Plugin string         `json:"plugin"`
	Go     string         `json:"go"`
	Parts  []install.Part `json:"parts,omitempty"`
	Kinds  []install.Kind `json:"kinds,omitempty"`
}

func (o *options) run(ctx context.Context) error {
	found := report{Plugin: o.Version, Go: runtime.Version()}
	var missing error // what could not be read; the rest is printed nevertheless
	if !o.client {
		missing = o.ask(ctx, &found)
	}
	object, err := cli.Report("Version", &found)
	if err != nil {
		return err
	}
	if err := o.printer.Print(o.Out, table(found), object); err != nil {
		return err
	}
	return missing
}

func (o *options) ask(ctx context.Context, found *report) (err error) {
	if found.Kinds, err = install.Kinds(o.Flags); err != nil {
		return err
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	found.Parts, err = install.Parts(ctx, c, o.OperatorNamespace)
	return err
}

func table(found report) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Component"), cli.Column("Version"), cli.Column("Detail"), cli.WideColumn("Image"),
	}}
	t.Rows = append(t.Rows, cli.Row("plugin", found.Plugin, found.Go, ""))
	for _, p := range found.Parts {
		t.Rows = append(t.Rows, cli.Row(p.Component, p.Version(), fmt.Sprintf("%d of %d pods ready", p.Ready, p.Wanted), p.Image))
	}
	for _, k := range found.Kinds {
		t.Rows = append(t.Rows, cli.Row(k.Kind, k.Version, k.String(), ""))
	}
	return t
}
