// Package status is the command "kubectl fastpix status": how endpoints and the operator do, and what to do about what is not well.
//
// Start reading in command.go. endpoint.go says what is wrong with an endpoint, operator.go what is wrong with the operator.
package status

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Show how endpoints and the operator do, and what to do about each that is not well.

To see the operator you need the rights to list Deployments and to get Leases in its namespace. Without them the endpoints are shown.
The exit code is 3 if an endpoint is not Ready or not Synced, if events failed, or if a part of the operator does not run.`

const example = `  # Show the endpoints of a namespace, and the operator
  kubectl fastpix status --namespace video

  # Show the endpoints of all namespaces, with their URLs
  kubectl fastpix status -A -o wide

  # Fail in a script if an endpoint is not well
  kubectl fastpix status fastpix --namespace video >/dev/null`

type options struct {
	*cli.Options
	scope   cli.Scope
	printer *cli.Printer
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "status [NAME]", Short: "Show how endpoints and the operator do, and what to do", Long: long, Example: example,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cli.CompleteNames(shared, &fastpixv1.WebhookEndpointList{}),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.scope.AddFlags(cmd)
	o.printer.AddFlags(cmd)
	return cmd
}

// report is what the command found.
type report struct {
	Endpoints []endpoint `json:"endpoints"`
	Operator  *operator  `json:"operator,omitempty"`
	// Hidden says why the operator is not shown.
	Hidden string `json:"hidden,omitempty"`

	objects []client.Object
}

func (r *report) well() bool {
	for _, e := range r.Endpoints {
		if len(e.Problems) > 0 {
			return false
		}
	}
	return r.Operator == nil || len(r.Operator.Problems) == 0
}

func (o *options) run(ctx context.Context, names []string) error {
	if len(names) > 0 && o.scope.AllNamespaces {
		return cli.Usagef("name an endpoint, or say --all-namespaces, not both")
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	found := &report{Endpoints: []endpoint{}}
	if err := o.readEndpoints(ctx, c, names, found); err != nil {
		return err
	}
	if found.Operator, err = o.readOperator(ctx, c); err != nil { // it has the kinds nevertheless
		right, missing := cli.MissingRight(err)
		if !missing {
			return err
		}
		found.Hidden = fmt.Sprintf("you need the right to %s", right)
	}
	if err := o.print(found); err != nil {
		return err
	}
	if !found.well() {
		return cli.ErrNotWell
	}
	return nil
}

func (o *options) readEndpoints(ctx context.Context, c client.Client, names []string, found *report) error {
	namespace, err := o.scope.Namespace(o.Options)
	if err != nil {
		return err
	}
	add := func(e *fastpixv1.WebhookEndpoint) error {
		found.Endpoints = append(found.Endpoints, o.examine(e))
		if o.printer.IsName() {
			found.objects = append(found.objects, e)
		}
		return nil
	}
	if len(names) == 0 {
		return cli.Each(ctx, c, &fastpixv1.WebhookEndpointList{}, add, client.InNamespace(namespace))
	}
	var e fastpixv1.WebhookEndpoint
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: names[0]}, &e); err != nil {
		return err
	}
	return add(&e)
}

func (o *options) print(found *report) error {
	if o.printer.IsName() {
		return o.printer.PrintNames(o.Out, found.objects)
	}
	object, err := cli.Report("Status", found)
	if err != nil {
		return err
	}
	if !o.printer.IsTable() {
		return o.printer.Print(o.Out, nil, object)
	}
	if err := o.printEndpoints(found.Endpoints); err != nil {
		return err
	}
	if found.Hidden != "" {
		fmt.Fprintf(o.ErrOut, "\nThe operator is not shown: %s.\n", found.Hidden)
	} else if err := o.printOperator(found.Operator); err != nil {
		return err
	}
	o.printAdvice(found)
	return nil
}

// printAdvice prints what is wrong and what to do.
func (o *options) printAdvice(found *report) {
	colour := o.Colour()
	for _, e := range found.Endpoints {
		for _, problem := range e.Problems {
			fmt.Fprintf(o.Out, "\n%s %s\n", colour.Bad(e.Namespace+"/"+e.Name+":"), indented(problem))
		}
		for _, hint := range e.Hints {
			fmt.Fprintf(o.Out, "\n%s %s\n", colour.Warn(e.Namespace+"/"+e.Name+":"), indented(hint))
		}
	}
	if found.Operator == nil {
		return
	}
	for _, problem := range found.Operator.Problems {
		fmt.Fprintf(o.Out, "\n%s %s\n", colour.Bad("operator:"), indented(problem))
	}
}

// indented indents the lines behind the first one, and escapes what a terminal would obey.
func indented(text string) string {
	return strings.ReplaceAll(cli.Escape(strings.TrimSpace(text)), "\n", "\n    ")
}
