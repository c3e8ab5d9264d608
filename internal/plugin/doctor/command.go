// Package doctor is the command "kubectl fastpix doctor": it checks an installation and its endpoints, and says how to mend what is not well.
//
// Each check is a function in a file about one subject. Start reading in patient.go, which lists them.
package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Check the operator and its endpoints, from outside to inside, and say how to mend what is not well.

The checks are:

- kinds: the CRDs are installed and belong to the version of this program
- deployments: every part of the operator has its pods
- versions: all parts have the same version
- leaders: a process leads the controllers and the syncer
- rights: every part has its rights, as the API server reviews them
- network-policies: no NetworkPolicy keeps deliveries or the API server away
- clocks: the clocks of the API server, of the leaders and of this machine agree
- endpoints: the conditions of the endpoints
- secrets: type and keys of the Secrets that the endpoints name
- secret-rights: receiver and syncer may read these Secrets
- urls: DNS and TLS of the endpoints' URLs, and the answer to an unsigned probe, as the dashboard sends it
- journal: events are mirrored soon after they arrive
- monitoring: Prometheus scrapes the operator and has rules about it

The command changes nothing. It checks the endpoints of the namespace, or of all namespaces with -A. A check that needs a right that you do not have is
skipped, and says which right it is. The exit code is 3 if a check fails, 4 if none fails and one is skipped for a missing right, and otherwise 0.`

const example = `  # Check the operator and the endpoints of a namespace
  kubectl fastpix doctor -n video

  # Check everything, and print only what is not well
  kubectl fastpix doctor -A -o json | jq '.results[] | select(.state != "pass")'`

type options struct {
	*cli.Options
	printer *cli.Printer
	scope   cli.Scope
	probe   bool
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewReportPrinter()}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check the operator and its endpoints, and say how to mend them", Long: long, Example: example,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.probe, "probe", true, "Look up the URLs of endpoints in DNS, and send the unsigned probe to them")
	o.scope.AddFlags(cmd)
	o.printer.AddFlags(cmd)
	return cmd
}

// report is what the command found.
type report struct {
	Results []Result `json:"results"`
}

func (o *options) run(ctx context.Context) error {
	c, namespace, err := o.scope.Client(o.Options)
	if err != nil {
		return err
	}
	p := &patient{Options: o.Options, client: c, namespace: namespace, probe: o.probe, resolver: net.DefaultResolver, transport: http.DefaultTransport}
	results := p.examine(ctx)
	found, err := cli.Report("Diagnosis", &report{results})
	if err != nil {
		return err
	}
	if err := o.printer.Print(o.Out, table(results), found); err != nil {
		return err
	}
	if o.printer.IsTable() {
		o.printMends(results)
	}
	return conclusion(results)
}

func table(results []Result) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{cli.Column("Result"), cli.Column("Check"), cli.Column("About"), cli.Column("Finding")}}
	for _, r := range results {
		t.Rows = append(t.Rows, cli.Row(string(r.State), r.Check, r.About, r.What))
	}
	return t
}

// printMends prints how to mend what is not well.
func (o *options) printMends(results []Result) {
	colour := o.Colour()
	for _, r := range results {
		if r.Mend == "" || r.Right != "" {
			continue
		}
		title := strings.TrimSpace(r.Check + " " + r.About)
		if r.State == Fail {
			title = colour.Bad(title)
		} else {
			title = colour.Warn(title)
		}
		fmt.Fprintf(o.Out, "\n%s: %s\n%s\n", title, cli.Escape(r.What), cli.Escape(r.Mend))
	}
}

// conclusion returns the error that decides the exit code.
func conclusion(results []Result) error {
	var missing error
	for _, r := range results {
		switch {
		case r.State == Fail:
			return cli.ErrNotWell
		case missing == nil:
			missing = r.missing
		}
	}
	return missing
}
