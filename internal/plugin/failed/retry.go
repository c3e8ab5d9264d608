package failed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const retryLong = `Have the operator retry batches of failed events at once. "kubectl fastpix failed" shows their names.

You need the right to patch EventBatches in the namespace of the operator, and with --all that to list them.`

const retryExample = `  # Retry the events of one batch
  kubectl fastpix failed retry failed-0123456789abcdef0123456789abcdef01234567

  # Retry all events of endpoints of a namespace
  kubectl fastpix failed retry --all --namespace video`

type retryOptions struct {
	*cli.Options
	scope cli.Scope
	all   bool
}

func newRetryCommand(shared *cli.Options) *cobra.Command {
	o := &retryOptions{Options: shared}
	cmd := &cobra.Command{
		Use: "retry [BATCH...]", Short: "Retry failed events at once", Long: retryLong, Example: retryExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "Retry all events of the namespace, or with --all-namespaces all there are")
	o.scope.AddFlags(cmd)
	return cmd
}

func (o *retryOptions) run(ctx context.Context, names []string) error {
	if o.all == (len(names) > 0) {
		return cli.Usagef("name one or more batches, or say --all")
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.all {
		if names, err = o.allNames(ctx, c); err != nil {
			return err
		}
	}
	patch, err := json.Marshal(metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{fastpixv1.RetryRequestedAtAnnotation: o.Now().UTC().Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, o.retry(ctx, c, name, patch))
	}
	return errors.Join(errs...)
}

func (o *retryOptions) retry(ctx context.Context, c client.Client, name string, patch []byte) error {
	batch := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: o.OperatorNamespace, Name: name}}
	switch err := c.Patch(ctx, batch, client.RawPatch(types.MergePatchType, patch)); {
	case apierrors.IsNotFound(err) && o.all: // it was retried meanwhile
		return nil
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no batch %s in namespace %s: its events are mirrored, or were joined with others", name, o.OperatorNamespace)
	case err != nil:
		return err
	case batch.Labels[fastpixv1.FailedLabel] != "true":
		return fmt.Errorf("the batch %s holds no failed events", name)
	}
	fmt.Fprintf(o.Out, "A retry of %s is requested.\n", name)
	return nil
}

func (o *retryOptions) allNames(ctx context.Context, c client.Client) ([]string, error) {
	namespace, err := o.scope.Namespace(o.Options)
	if err != nil {
		return nil, err
	}
	var names []string
	err = eachBatch(ctx, c, o.OperatorNamespace, func(b *fastpixv1.EventBatch) error {
		if namespace == "" || len(failuresOf(b, namespace)) > 0 {
			names = append(names, b.Name)
		}
		return nil
	})
	if err == nil && len(names) == 0 {
		fmt.Fprintln(o.ErrOut, "No event failed.")
	}
	return names, err
}
