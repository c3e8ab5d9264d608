package status

import (
	"fmt"
	"slices"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const (
	// unseenAfter is how old an endpoint is when the receiver should have looked at it.
	unseenAfter = time.Minute
	// staleAfter is how old a count of pending events is when the controllers should have counted again: they do so while it changes.
	staleAfter = time.Minute
)

// endpoint says how an endpoint does.
type endpoint struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	Ready     string     `json:"ready"`
	Synced    string     `json:"synced"`
	LastEvent *time.Time `json:"lastEvent,omitempty"`
	Pending   int64      `json:"pending"`
	Failed    int64      `json:"failed"`
	URL       string     `json:"url,omitempty"`
	// Problems say what is wrong and what to do. Hints say what may be.
	Problems []string `json:"problems,omitempty"`
	Hints    []string `json:"hints,omitempty"`
}

// examine says how an endpoint does.
func (o *options) examine(e *fastpixv1.WebhookEndpoint) endpoint {
	found := endpoint{
		Namespace: e.Namespace, Name: e.Name, Pending: e.Status.PendingEvents, Failed: e.Status.FailedEvents, URL: e.Status.URL,
		Ready:  word(apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)),
		Synced: word(apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)),
	}
	if e.Status.LastEventTime != nil {
		found.LastEvent = &e.Status.LastEventTime.Time
	}
	for _, c := range e.Status.Conditions {
		text := fmt.Sprintf("%s is %s, %s\n%s", c.Type, c.Status, c.Reason, c.Message)
		if isProblem(c) {
			found.Problems = append(found.Problems, text)
		} else if isWarning(c) {
			found.Hints = append(found.Hints, text)
		}
	}
	found.Problems = append(found.Problems, o.countProblems(e)...)
	if hint := noEventYet(e); hint != "" {
		found.Hints = append(found.Hints, hint)
	}
	return found
}

// word returns the status of a condition in one cell of a table.
func word(c *metav1.Condition) string {
	switch {
	case c == nil:
		return "-"
	case c.Status == metav1.ConditionTrue:
		return string(c.Status)
	default:
		return c.Reason
	}
}

// isProblem reports whether a condition says that the endpoint does not do what it is for.
func isProblem(c metav1.Condition) bool {
	switch c.Type {
	case fastpixv1.ConditionReady:
		return c.Status != metav1.ConditionTrue
	case fastpixv1.ConditionSynced:
		return c.Status == metav1.ConditionFalse // Unknown is the first run
	case fastpixv1.ConditionKeyEncodedTwice:
		return c.Status == metav1.ConditionTrue
	}
	return false
}

// isWarning reports whether a condition says that something deserves a look. Reconciling and Stalled repeat what Ready says.
func isWarning(c metav1.Condition) bool {
	switch c.Type {
	case fastpixv1.ConditionReady, fastpixv1.ConditionSynced, fastpixv1.ConditionReconciling, fastpixv1.ConditionStalled:
		return false
	}
	return c.Status == metav1.ConditionTrue
}

// countProblems says what is wrong with the counts of an endpoint.
func (o *options) countProblems(e *fastpixv1.WebhookEndpoint) []string {
	var problems []string
	if e.Status.FailedEvents > 0 {
		problems = append(problems, fmt.Sprintf("%d events failed and are retried\nTo see why, run kubectl fastpix failed --namespace %s", e.Status.FailedEvents, e.Namespace))
	}
	if counted := e.Status.PendingTime; e.Status.PendingEvents > 0 && counted != nil && o.Now().Sub(counted.Time) > staleAfter {
		problems = append(problems, fmt.Sprintf("%d events wait to be mirrored, and the controllers have not counted them for %s\nLook whether the controllers run: kubectl --namespace %s get pods",
			e.Status.PendingEvents, o.Age(counted.Time), o.OperatorNamespace))
	}
	if len(e.Status.Conditions) == 0 && o.Now().Sub(e.CreationTimestamp.Time) > unseenAfter {
		part := "receiver"
		if e.Spec.PollsOnly() {
			part = "syncer"
		}
		problems = append(problems, fmt.Sprintf("the %s has not looked at it for %s\nLook whether it runs: kubectl --namespace %s get pods",
			part, o.Age(e.CreationTimestamp.Time), o.OperatorNamespace))
	}
	return problems
}

// noEventYet returns what to do about an endpoint that accepts events and has received none.
func noEventYet(e *fastpixv1.WebhookEndpoint) string {
	if e.Status.LastEventTime != nil || e.Spec.PollsOnly() || !apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady) {
		return ""
	}
	address := e.Status.URL
	if address == "" {
		address = "https://YOUR-HOST" + e.Status.Path
	}
	return fmt.Sprintf("no event has arrived yet\nRegister %s in the FastPix dashboard, or look there whether deliveries fail.", address)
}

func (o *options) printEndpoints(endpoints []endpoint) error {
	if len(endpoints) == 0 {
		where := "in this namespace. Look in all of them with --all-namespaces"
		if o.scope.AllNamespaces {
			where = "in this cluster"
		}
		fmt.Fprintf(o.ErrOut, "There is no endpoint %s. To create one, run kubectl fastpix create endpoint NAME\n", where)
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Name"), cli.Column("Ready"), cli.Column("Synced"), cli.Column("Last event"), cli.Column("Pending"), cli.Column("Failed"), cli.WideColumn("URL"),
	}}
	for _, e := range endpoints {
		var last time.Time
		if e.LastEvent != nil {
			last = *e.LastEvent
		}
		row := cli.Row(e.Name, e.Ready, e.Synced, o.Age(last), e.Pending, e.Failed, e.URL)
		if o.scope.AllNamespaces {
			row.Cells = slices.Insert(row.Cells, 0, any(e.Namespace))
		}
		table.Rows = append(table.Rows, row)
	}
	if o.scope.AllNamespaces {
		table.ColumnDefinitions = slices.Insert(table.ColumnDefinitions, 0, cli.Column("Namespace"))
	}
	return o.printer.Print(o.Out, table, nil)
}
