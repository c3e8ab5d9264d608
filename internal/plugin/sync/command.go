// Package sync is the command "kubectl fastpix sync": it requests a run of sync, and shows its progress and its result.
//
// Start reading in command.go. progress.go draws the bar.
package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Ask the operator to compare the mirrors of an endpoint with FastPix now. With --wait, show the progress of the run and its result.

The endpoint needs spec.sync. You need the rights to get and to patch WebhookEndpoints. The exit code is 3 if the run was not complete.`

const example = `  # Compare the mirrors of an endpoint with FastPix
  kubectl fastpix sync fastpix --namespace video

  # Do so, and wait for the result
  kubectl fastpix sync fastpix --namespace video --wait

  # Wait for at most an hour, and print the result as JSON
  kubectl fastpix sync fastpix --namespace video --wait --timeout 1h -o json`

// pollInterval is how often the endpoint is read. It needs no right to watch.
const pollInterval = 500 * time.Millisecond

type options struct {
	*cli.Options
	printer *cli.Printer
	wait    bool
	timeout time.Duration
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "sync NAME", Short: "Compare the mirrors of an endpoint with FastPix now", Long: long, Example: example,
		Args: cobra.ExactArgs(1), ValidArgsFunction: cli.CompleteNames(shared, &fastpixv1.WebhookEndpointList{}),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the run has ended, and show its result")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 15*time.Minute, "How long to wait")
	o.printer.AddFlags(cmd)
	return cmd
}

func (o *options) run(ctx context.Context, name string) error {
	namespace, err := o.Namespace()
	if err != nil {
		return err
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	e := &fastpixv1.WebhookEndpoint{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, e); err != nil {
		return err
	}
	if e.Spec.Sync == nil {
		return fmt.Errorf("the endpoint %s has no spec.sync, so it is never compared with FastPix. To set it, run kubectl fastpix create endpoint %s --namespace %s --api-credentials-file FILE",
			name, name, namespace)
	}
	requested := o.Now()
	request := requested.UTC().Format(time.RFC3339Nano)
	if err := annotate(ctx, c, e, request); err != nil {
		return err
	}
	if !o.wait {
		return o.printRequested(e)
	}
	if e, err = o.waitFor(ctx, c, client.ObjectKeyFromObject(e), request, newBar(o.Options, requested)); err != nil {
		return err
	}
	return o.printResult(e)
}

// annotate requests a run.
func annotate(ctx context.Context, c client.Client, e *fastpixv1.WebhookEndpoint, request string) error {
	before := e.DeepCopy()
	metav1.SetMetaDataAnnotation(&e.ObjectMeta, fastpixv1.SyncRequestedAtAnnotation, request)
	return c.Patch(ctx, e, client.MergeFrom(before))
}

// waitFor waits until the requested run has ended, and shows its progress.
func (o *options) waitFor(ctx context.Context, c client.Client, key client.ObjectKey, request string, bar *bar) (*fastpixv1.WebhookEndpoint, error) {
	defer bar.clear()
	e := &fastpixv1.WebhookEndpoint{}
	err := wait.PollUntilContextTimeout(ctx, pollInterval, o.timeout, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, key, e); err != nil {
			return false, err
		}
		bar.show(e)
		return e.Status.Sync != nil && e.Status.Sync.HandledRequest == request, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the run has not ended within %s. It goes on; see kubectl fastpix status %s --namespace %s. If it has not begun, look whether the syncer runs", o.timeout, key.Name, key.Namespace)
	}
	return e, err
}

func (o *options) printRequested(e *fastpixv1.WebhookEndpoint) error {
	if !o.printer.IsTable() {
		return o.printer.Print(o.Out, nil, e)
	}
	fmt.Fprintf(o.Out, "A run is requested. To see its result, run kubectl fastpix status %s --namespace %s\n", e.Name, e.Namespace)
	return nil
}

func (o *options) printResult(e *fastpixv1.WebhookEndpoint) error {
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	if synced == nil {
		synced = &metav1.Condition{Status: metav1.ConditionUnknown}
	}
	s := e.Status.Sync
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		cli.Column("Result"), cli.Column("Media"), cli.Column("Live streams"), cli.Column("Created"), cli.Column("Repaired"), cli.Column("Deleted"),
	}}
	table.Rows = append(table.Rows, cli.Row(synced.Reason, s.MediaAssets, s.LiveStreams, s.Created, s.Repaired, s.Deleted))
	if err := o.printer.Print(o.Out, table, e); err != nil {
		return err
	}
	if synced.Status == metav1.ConditionTrue {
		return nil
	}
	fmt.Fprintf(o.ErrOut, "\n%s The counts are those of the last complete run.\n%s\n", o.Colour().Bad("The run was not complete."), cli.Escape(synced.Message))
	return cli.ErrNotWell
}
