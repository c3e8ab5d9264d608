// Package explain is the command "kubectl fastpix explain": it says why a mirror is as it is, and which event set each of its fields.
//
// Why and FieldsOf are functions of a mirror. Start reading there.
package explain

import (
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

const long = `Say in one sentence why a MediaAsset or LiveStream is as it is, and show for each field of its status which event or observation set it.

An observation is an answer of FastPix's management API to the syncer. What no event sets follows from other fields: the column NOTE says so. You need the
right to get the object.`

const example = `  # Why is this media not Ready?
  kubectl fastpix explain mediaasset/d003b383-bac0-42e9-a039-9bd4360f98a3 -n video

  # The sentence alone
  kubectl fastpix explain lvs/6f7553ebbe31a61ea53cda1f69032eb7 -n video -o jsonpath='{.why}'`

type options struct {
	*cli.Options
	printer *cli.Printer
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "explain KIND/NAME", Short: "Say why a media or stream is as it is, and what set each field", Long: long, Example: example,
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: mirror.Completion(shared),
		RunE: func(_ *cobra.Command, args []string) error { return o.run(args) },
	}
	o.printer.AddFlags(cmd)
	return cmd
}

// report is what the command found.
type report struct {
	Object string  `json:"object"`
	State  string  `json:"state,omitempty"`
	Why    string  `json:"why"`
	Fields []Field `json:"fields,omitempty"`
}

func (o *options) run(args []string) error {
	m, err := mirror.Read(o.Options, args)
	if err != nil {
		return err
	}
	if o.printer.IsName() {
		return o.printer.PrintNames(o.Out, []client.Object{m.Object})
	}
	fields, err := FieldsOf(&m)
	if err != nil {
		return err
	}
	found := report{Object: fmt.Sprintf("%s/%s", m.Kind, m.GetName()), State: m.State, Why: Why(&m), Fields: fields}
	object, err := cli.Report("Explanation", &found)
	if err != nil {
		return err
	}
	if o.printer.IsTable() {
		fmt.Fprintf(o.Out, "%s\n", cli.Escape(found.Why))
		if len(fields) == 0 {
			return nil
		}
		fmt.Fprintln(o.Out)
	}
	return o.printer.Print(o.Out, table(fields), object)
}

func table(fields []Field) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Field"), cli.Column("Value"), cli.Column("Set by"), cli.Column("Time"), cli.Column("Note"), cli.WideColumn("Event"),
	}}
	for _, f := range fields {
		by, when, id := "", "", ""
		if f.SetBy != nil {
			by, when, id = f.SetBy.Type, f.SetBy.When(), f.SetBy.ID
		}
		t.Rows = append(t.Rows, cli.Row(f.Field, f.Value, by, when, f.Note, id))
	}
	return t
}
