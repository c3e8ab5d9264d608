package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reportVersion is the apiVersion of reports. No API server serves it.
const reportVersion = "plugin.video.fastpix.com/v1alpha1"

// Printer prints an object in the format of --output, or a table.
type Printer struct {
	flags     *genericclioptions.PrintFlags
	noHeaders bool
	printer   printers.ResourcePrinter // of the format; it separates the objects that it prints
}

// NewPrinter returns a printer of objects of the API server.
func NewPrinter() *Printer {
	return &Printer{flags: genericclioptions.NewPrintFlags("").WithTypeSetter(NewScheme())}
}

// NewReportPrinter returns a printer of reports. They have no name.
func NewReportPrinter() *Printer {
	p := NewPrinter()
	p.flags.NamePrintFlags = nil
	return p
}

// AddFlags defines --output, those that belong to it, and --no-headers. The command fails before it runs if there is no such format.
func (p *Printer) AddFlags(cmd *cobra.Command) {
	p.flags.AddFlags(cmd)
	output := cmd.Flags().Lookup("output")
	output.Usage = fmt.Sprintf("Output format. One of: (%s).", strings.Join(append(p.flags.AllowedFormats(), "wide"), ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(append(p.flags.AllowedFormats(), "wide"), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&p.noHeaders, "no-headers", false, "Print a table without its headers")
	cmd.PreRunE = func(*cobra.Command, []string) error { return p.setFormat() }
}

// IsTable reports that a table is printed. A command need not gather what a table does not show, and may add lines for people to read.
func (p *Printer) IsTable() bool {
	template := p.flags.TemplatePrinterFlags.TemplateArgument
	return (*p.flags.OutputFormat == "" && *template == "") || p.wide()
}

func (p *Printer) wide() bool { return *p.flags.OutputFormat == "wide" }

// OmitHeaders prints further tables without their headers: they continue the first one.
func (p *Printer) OmitHeaders() { p.noHeaders = true }

// IsName reports that only names are printed.
func (p *Printer) IsName() bool {
	return p.flags.NamePrintFlags != nil && *p.flags.OutputFormat == "name"
}

// setFormat makes the printer of the format. It fails if there is no such format.
func (p *Printer) setFormat() error {
	if p.IsTable() {
		return nil
	}
	var err error
	if p.printer, err = p.flags.ToPrinter(); err != nil {
		return &UsageError{Err: err}
	}
	return nil
}

// Print prints a table, or an object in another format. Columns of a priority above 0 are those of -o wide.
func (p *Printer) Print(out io.Writer, table *metav1.Table, o runtime.Object) error {
	if p.IsTable() {
		return printers.NewTablePrinter(printers.PrintOptions{NoHeaders: p.noHeaders, Wide: p.wide()}).PrintObj(table, out)
	}
	return p.printer.PrintObj(o, out)
}

// PrintNames prints the kind and the name of each object.
func (p *Printer) PrintNames(out io.Writer, objects []client.Object) error {
	for _, o := range objects {
		if err := p.Print(out, nil, o); err != nil {
			return err
		}
	}
	return nil
}

// Escape replaces what a terminal would obey. Text of other people, such as a title or a message, may hold it. Line breaks and tabs stay.
func Escape(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, printers.EscapeTerminal(text))
}

// Column is a column of a table. Its name is printed in upper case.
func Column(name string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: "string"}
}

// WideColumn is a column that is printed by -o wide.
func WideColumn(name string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: "string", Priority: 1}
}

// Row is a row of a table. Its texts are escaped.
func Row(cells ...any) metav1.TableRow {
	for i, cell := range cells {
		if text, ok := cell.(string); ok {
			cells[i] = Escape(text)
		}
	}
	return metav1.TableRow{Cells: cells}
}

// Report returns an object that says what a command found, from a struct with the tags of JSON. For objects of the API server use those instead.
func Report(kind string, content any) (runtime.Object, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("make the report %s: %w", kind, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("make the report %s: %w", kind, err)
	}
	report := &unstructured.Unstructured{Object: fields}
	report.SetAPIVersion(reportVersion)
	report.SetKind(kind)
	return report, nil
}

// Age returns how long ago a time was, as kubectl shows it, or "<none>" for the zero time.
func (o *Options) Age(since time.Time) string {
	if since.IsZero() {
		return "<none>"
	}
	return duration.HumanDuration(o.Now().Sub(since))
}
