// Package failed is the command "kubectl fastpix failed": the records that could not be mirrored, and why. Its command retry has the operator try again.
//
// Start reading in command.go. records.go reads the batches, retry.go requests a retry.
package failed

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Show the events that could not be mirrored: why, which object they are about, and how old they are. The operator keeps them, and retries each at
least once an hour. When you have removed the cause, "kubectl fastpix failed retry" has it retry at once.

Without --all-namespaces it shows the events of endpoints of one namespace. You need the right to list EventBatches in the namespace of the operator. The
exit code is 3 if there are any.`

const example = `  # Show the failed events of a namespace
  kubectl fastpix failed --namespace video

  # Show those of all namespaces, with the messages
  kubectl fastpix failed -A -o wide`

type options struct {
	*cli.Options
	scope   cli.Scope
	printer *cli.Printer
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "failed", Short: "Show the events that could not be mirrored, and retry them", Long: long, Example: example,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.scope.AddFlags(cmd)
	o.printer.AddFlags(cmd)
	cmd.AddCommand(newRetryCommand(shared))
	return cmd
}

// report is what the command found.
type report struct {
	Records []failure `json:"records"`

	batches []client.Object // each once
}

func (o *options) run(ctx context.Context) error {
	c, namespace, err := o.scope.Client(o.Options)
	if err != nil {
		return err
	}
	found, err := read(ctx, c, o.OperatorNamespace, namespace)
	if err != nil {
		return err
	}
	if err := o.print(found); err != nil {
		return err
	}
	if len(found.Records) > 0 {
		return cli.ErrNotWell
	}
	return nil
}

func (o *options) print(found *report) error {
	if o.printer.IsName() {
		return o.printer.PrintNames(o.Out, found.batches)
	}
	if o.printer.IsTable() && len(found.Records) == 0 {
		fmt.Fprintln(o.ErrOut, "No event failed.")
		return nil
	}
	object, err := cli.Report("Failed", found)
	if err != nil {
		return err
	}
	if err := o.printer.Print(o.Out, o.table(found), object); err != nil {
		return err
	}
	if o.printer.IsTable() {
		fmt.Fprintf(o.ErrOut, "\nWhen you have removed the cause, run kubectl fastpix failed retry BATCH. To see the messages, add -o wide.\n")
	}
	return nil
}

func (o *options) table(found *report) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Reason"), cli.Column("Object"), cli.Column("Event"), cli.Column("Age"), cli.Column("Last try"), cli.Column("Batch"),
		cli.WideColumn("Event ID"), cli.WideColumn("Message"),
	}}
	for _, f := range found.Records {
		table.Rows = append(table.Rows, cli.Row(f.Reason, f.Object, f.Type, o.Age(f.Received.Time), o.Age(f.LastTry.Time), f.Batch, f.EventID, f.Message))
	}
	return table
}
