package status

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

// operator says how the operator does.
type operator struct {
	Parts    []install.Part   `json:"parts,omitempty"`
	Leaders  []install.Leader `json:"leaders,omitempty"`
	Kinds    []install.Kind   `json:"kinds"`
	Problems []string         `json:"problems,omitempty"`
}

// readOperator reads how the operator does. Every user may read the kinds: they are returned even if a right is missing for the rest.
func (o *options) readOperator(ctx context.Context, c client.Client) (*operator, error) {
	var found operator
	var err error
	if found.Kinds, err = install.Kinds(o.Flags); err != nil {
		return nil, err
	}
	found.examineKinds()
	if found.Parts, err = install.Parts(ctx, c, o.OperatorNamespace); err != nil {
		return &found, err
	}
	if found.Leaders, err = install.Leaders(ctx, c, o.OperatorNamespace, o.Now()); err != nil {
		return &found, err
	}
	found.examine(o.OperatorNamespace)
	return &found, nil
}

// examineKinds says which kinds do not fit.
func (p *operator) examineKinds() {
	for _, k := range p.Kinds {
		if !k.Fits() {
			p.add("the kind %s %s\nApply the CRDs of the version that runs, and use the plugin of that version.", k.Kind, k)
		}
	}
}

// examine says what is wrong with the operator.
func (p *operator) examine(namespace string) {
	if len(p.Parts) == 0 {
		p.add("no part of the operator is installed in namespace %s\nIf it runs in another namespace, name it by --operator-namespace.", namespace)
		return
	}
	versions := map[string]bool{}
	for _, part := range p.Parts {
		versions[part.Version()] = true
		if part.Ready < part.Wanted {
			p.add("%d of %d pods of the %s are ready\nTo see why, run kubectl --namespace %s describe deployment %s", part.Ready, part.Wanted, part.Component, namespace, part.Deployment)
		}
	}
	if len(versions) > 1 {
		p.add("the parts run different versions\nIf no upgrade is under way, look at the images of the Deployments.")
	}
	for _, l := range p.Leaders {
		if !l.Leads() && p.runs(l.Component) {
			p.add("no process leads the %s\nTo see why, run kubectl --namespace %s get lease %s -o yaml, and look at the logs of the %s.", l.Component, namespace, l.Lease, l.Component)
		}
	}
}

func (p *operator) add(format string, args ...any) {
	p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
}

// runs reports whether a part is installed. A part whose Deployment is left out needs no leader.
func (p *operator) runs(component string) bool {
	return slices.ContainsFunc(p.Parts, func(part install.Part) bool { return part.Component == component })
}

// leader returns the process that leads a part, for a cell of a table.
func (p *operator) leader(component string) string {
	for _, l := range p.Leaders {
		switch {
		case l.Component != component:
		case l.Leads():
			return l.Holder
		default:
			return "none"
		}
	}
	return "-"
}

func (o *options) printOperator(p *operator) error {
	if len(p.Parts) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Operator"), cli.Column("Pods ready"), cli.Column("Version"), cli.Column("Leader"), cli.WideColumn("Image"),
	}}
	for _, part := range p.Parts {
		table.Rows = append(table.Rows, cli.Row(part.Component, fmt.Sprintf("%d/%d", part.Ready, part.Wanted), part.Version(), p.leader(part.Component), part.Image))
	}
	fits := "fit this plugin"
	if slices.ContainsFunc(p.Kinds, func(k install.Kind) bool { return !k.Fits() }) {
		fits = "do not fit this plugin"
	}
	table.Rows = append(table.Rows, cli.Row("CRDs", "-", fits, "-", ""))
	fmt.Fprintln(o.Out)
	return o.printer.Print(o.Out, table, nil)
}
