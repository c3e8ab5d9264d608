// Package events is the command "kubectl fastpix events": the recent events of a media or stream as a time line.
//
// Start reading in timeline.go.
package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const long = `Show the recent events of a MediaAsset or LiveStream as a time line, the oldest first.

A mirror knows its newest ten events, and older ones that set a field that is still shown: the column SET names the fields. A type that begins with sync. is
an observation: an answer of FastPix's management API. A question mark before a time says that it is missing or not credible.

With -w the command prints new events as they are mirrored, until you end it. You need the right to get the object; with -w also to watch it.`

const example = `  # Did this event arrive?
  kubectl fastpix events mediaasset/d003b383-bac0-42e9-a039-9bd4360f98a3 -n video

  # Follow a broadcast
  kubectl fastpix events lvs/6f7553ebbe31a61ea53cda1f69032eb7 -n video -w`

type options struct {
	*cli.Options
	printer *cli.Printer
	watch   bool
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "events KIND/NAME", Short: "Show the recent events of a media or stream as a time line", Long: long, Example: example,
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: mirror.Completion(shared),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Print new events as they are mirrored")
	o.printer.AddFlags(cmd)
	return cmd
}

// report is what the command found.
type report struct {
	Object string  `json:"object"`
	State  string  `json:"state,omitempty"`
	Events []Entry `json:"events"`
}

func (o *options) run(ctx context.Context, args []string) error {
	m, err := mirror.Read(o.Options, args)
	if err != nil {
		return err
	}
	if o.printer.IsName() {
		if o.watch {
			return cli.Usagef("-o name prints no events, so there is nothing to watch")
		}
		return o.printer.PrintNames(o.Out, []client.Object{m.Object})
	}
	shown := map[string]bool{}
	if err := o.print(&m, news(timeLine(&m), shown)); err != nil || !o.watch {
		return err
	}
	if len(shown) > 0 {
		o.printer.OmitHeaders()
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	for { // the API server ends a watch from time to time
		if err := o.follow(ctx, c, &m, shown); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryWatch):
		}
	}
}

// retryWatch keeps a command from asking an API server that ends every watch at once without a pause.
const retryWatch = time.Second

// errDeleted ends a watch.
var errDeleted = errors.New("the object was deleted from the cluster")

// follow prints new events until the watch ends.
func (o *options) follow(ctx context.Context, c client.WithWatch, m *mirror.Mirror, shown map[string]bool) error {
	var list client.ObjectList = &fastpixv1.MediaAssetList{}
	if m.Kind == record.LiveStream {
		list = &fastpixv1.LiveStreamList{}
	}
	one := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", m.GetName())}
	changes, err := c.Watch(ctx, list, client.InNamespace(m.GetNamespace()), one)
	if err != nil {
		return whyEnded(ctx, err)
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		switch change.Type {
		case watch.Deleted:
			return errDeleted
		case watch.Error:
			return whyEnded(ctx, apierrors.FromObject(change.Object))
		}
		now, err := mirror.Of(change.Object)
		if err != nil {
			return err
		}
		if fresh := news(timeLine(&now), shown); fresh != nil {
			if err := o.print(&now, fresh); err != nil {
				return err
			}
			o.printer.OmitHeaders()
		}
	}
	return nil
}

// whyEnded returns why a watch ended: nothing if the user ended it, or if the API server wants a new one.
func whyEnded(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return nil
	}
	return err
}

func (o *options) print(m *mirror.Mirror, entries []Entry) error {
	if entries == nil && o.printer.IsTable() {
		fmt.Fprintf(o.ErrOut, "No event about %s has been mirrored yet.\n", m.ID)
		return nil
	}
	object, err := cli.Report("TimeLine", &report{Object: fmt.Sprintf("%s/%s", m.Kind, m.GetName()), State: m.State, Events: entries})
	if err != nil {
		return err
	}
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Time"), cli.Column("Age"), cli.Column("Type"), cli.Column("Event"), cli.Column("Set"),
	}}
	for _, e := range entries {
		t.Rows = append(t.Rows, cli.Row(e.When(), o.Age(e.Time), e.Type, e.ID, summary(e.Fields)))
	}
	return o.printer.Print(o.Out, t, object)
}

// maxFields is how many fields a table has room for. -o json has all.
const maxFields = 4

// summary names the first fields that an event set, the state before the others.
func summary(set []string) string {
	set = slices.Clone(set)
	slices.SortStableFunc(set, func(a, b string) int {
		switch {
		case a == "state" && b != "state":
			return -1
		case b == "state" && a != "state":
			return 1
		}
		return 0
	})
	if len(set) <= maxFields {
		return strings.Join(set, ",")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(set[:maxFields], ","), len(set)-maxFields)
}
