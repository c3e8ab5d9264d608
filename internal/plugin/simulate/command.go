// Package simulate is the command "kubectl fastpix simulate": it posts a signed sample event to an endpoint, as FastPix would.
//
// Start reading in event.go, which makes the event.
package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/signing"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

const long = `Post a signed sample event to an endpoint, as FastPix would, and say which mirrors it changes.

TYPE is any type of docs/events.md. The sample gets new ids and the present time. Ids of simulated objects begin with 00000000, so that you recognize them and
can delete them; the command prints how. If spec.sync is set, sync marks them as deleted, because FastPix does not have them.

An endpoint whose namespace has mirrors of real objects, or that has received real events, is refused without --yes: a simulated event with the id of a real
object changes its mirror for good.

The command signs with the first usable signing secret of the endpoint, which needs the right to get its Secret, or with the one of --signing-secret-file. It
posts to a receiver's pod through a port-forward, which needs the rights to get the Service of the receiver, to list Pods and to create pods/portforward in
the namespace of the operator. With --url it posts to that URL and needs none of these. In the namespace you need the right to list WebhookEndpoints, or with
--endpoint to get the one, and without --yes the rights to list MediaAssets and LiveStreams.`

const example = `  # Simulate a media and its end of processing
  kubectl fastpix simulate video.media.created -n test
  kubectl fastpix simulate video.media.ready -n test --media 00000000-5a1c-4d0e-9c53-1a2b3c4d5e6f

  # Post to the public URL, so that ingress and TLS are tested too
  kubectl fastpix simulate video.live_stream.active --endpoint fastpix -n test --url https://hooks.example.com`

type options struct {
	*cli.Options
	printer                   *cli.Printer
	endpoint, secretFile, url string
	about                     subject
	yes                       bool
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "simulate TYPE", Short: "Post a signed sample event to an endpoint", Long: long, Example: example,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completion,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.endpoint, "endpoint", "", "WebhookEndpoint to post to; by default the only one of the namespace")
	flags.StringVar(&o.secretFile, "signing-secret-file", "", "File with the signing secret as the dashboard shows it; - is standard input. By default the command reads the endpoint's Secret")
	flags.StringVar(&o.url, "url", "", "URL to post to. If it has no path, that of the endpoint is added. By default the command uses a port-forward")
	flags.StringVar(&o.about.Media, "media", "", "Id of the media; by default a new one")
	flags.StringVar(&o.about.Stream, "stream", "", "Id of the live stream; by default a new one")
	flags.BoolVar(&o.yes, "yes", false, "Post even if the endpoint has real events")
	_ = cmd.RegisterFlagCompletionFunc("endpoint", func(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return cli.CompleteNames(shared, &fastpixv1.WebhookEndpointList{})(cmd, nil, prefix)
	})
	o.printer.AddFlags(cmd)
	return cmd
}

// completion completes types.
func completion(_ *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var types []cobra.Completion
	for _, t := range record.Catalogue() {
		if len(args) == 0 && strings.HasPrefix(t.Name, prefix) {
			types = append(types, cobra.CompletionWithDesc(t.Name, "sets "+t.Sets))
		}
	}
	return types, cobra.ShellCompDirectiveNoFileComp
}

// report is what the command did.
type report struct {
	Event   string   `json:"event"`
	Type    string   `json:"type"`
	URL     string   `json:"url"`
	Answer  string   `json:"answer"`
	Objects []object `json:"objects"`
}

func (o *options) run(ctx context.Context, typ string) error {
	if _, err := newEvent(typ, o.about, o.Now()); err != nil { // a wrong argument needs no API server
		return err
	}
	if _, err := parseURL(o.url); o.url != "" && err != nil {
		return err
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	endpoint, err := o.choose(ctx, c)
	if err != nil {
		return err
	}
	if err := o.guard(ctx, c, endpoint); err != nil {
		return err
	}
	key, err := o.key(ctx, c, endpoint)
	if err != nil {
		return err
	}
	o.about.Workspace = endpoint.Spec.WorkspaceID
	event, err := newEvent(typ, o.about, o.Now())
	if err != nil {
		return err
	}
	to, err := o.target(ctx, c, endpoint)
	if err != nil {
		return err
	}
	defer to.close()
	answer, err := to.post(ctx, event.Body, key.Sign(event.Body))
	if err != nil {
		return err
	}
	return o.print(endpoint, &report{Event: event.ID, Type: event.Type, URL: to.shown, Answer: answer, Objects: event.Objects})
}

// choose reads the endpoint to post to.
func (o *options) choose(ctx context.Context, c client.Client) (*fastpixv1.WebhookEndpoint, error) {
	namespace, err := o.Namespace()
	if err != nil {
		return nil, err
	}
	endpoint := &fastpixv1.WebhookEndpoint{}
	if o.endpoint != "" {
		err = c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.endpoint}, endpoint)
	} else {
		endpoint, err = only(ctx, c, namespace)
	}
	switch {
	case err != nil:
		return nil, err
	case endpoint.Spec.PollsOnly():
		return nil, fmt.Errorf("the endpoint %s names no signing secret, so it takes no webhooks", endpoint.Name)
	case endpoint.Spec.Suspend:
		return nil, fmt.Errorf("the endpoint %s is suspended: it answers 503 to every event. Remove spec.suspend", endpoint.Name)
	}
	return endpoint, nil
}

// only returns the only endpoint of a namespace.
func only(ctx context.Context, c client.Client, namespace string) (*fastpixv1.WebhookEndpoint, error) {
	var all fastpixv1.WebhookEndpointList
	if err := c.List(ctx, &all, client.InNamespace(namespace), client.Limit(2)); err != nil {
		return nil, err
	}
	switch len(all.Items) {
	case 0:
		return nil, fmt.Errorf("namespace %s has no WebhookEndpoint", namespace)
	case 1:
		return &all.Items[0], nil
	}
	return nil, cli.Usagef("namespace %s has several WebhookEndpoints: name one by --endpoint", namespace)
}

// key returns the key to sign with.
func (o *options) key(ctx context.Context, c client.Client, e *fastpixv1.WebhookEndpoint) (signature.Key, error) {
	if o.secretFile != "" {
		s, err := signing.FromFile(ctx, o.Options, o.secretFile)
		if err != nil {
			return signature.Key{}, err
		}
		return signature.ParseKey(s.Text)
	}
	secrets, err := signing.OfEndpoint(ctx, c, e)
	if err != nil {
		return signature.Key{}, err
	}
	var problem error
	for _, s := range secrets {
		key, err := signature.ParseKey(s.Text)
		switch {
		case s.Problem != nil:
			problem = fmt.Errorf("%s: %w", s.Name, s.Problem)
		case err != nil:
			problem = fmt.Errorf("%s: %w", s.Name, err)
		default:
			return key, nil
		}
	}
	return signature.Key{}, fmt.Errorf("no signing secret of the endpoint %s is usable: %w", e.Name, problem)
}

// mirrorsOf returns the mirrors of objects, for their names.
func mirrorsOf(namespace string, objects []object) []client.Object {
	var all []client.Object
	for _, o := range objects {
		all = append(all, &metav1.PartialObjectMetadata{
			TypeMeta:   metav1.TypeMeta{APIVersion: fastpixv1.GroupVersion.String(), Kind: string(o.Kind)},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: o.Name},
		})
	}
	return all
}

// print says what was done, and how to look at it and to remove it.
func (o *options) print(e *fastpixv1.WebhookEndpoint, r *report) error {
	if o.printer.IsName() {
		return o.printer.PrintNames(o.Out, mirrorsOf(e.Namespace, r.Objects))
	}
	found, err := cli.Report("Simulation", r)
	if err != nil {
		return err
	}
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{cli.Column("Kind"), cli.Column("Name"), cli.Column("Event"), cli.Column("Type"), cli.Column("Answer")}}
	for _, object := range r.Objects {
		t.Rows = append(t.Rows, cli.Row(string(object.Kind), object.Name, r.Event, r.Type, r.Answer))
	}
	if err := o.printer.Print(o.Out, t, found); err != nil || !o.printer.IsTable() {
		return err
	}
	var names []string
	for _, object := range r.Objects {
		names = append(names, strings.ToLower(string(object.Kind))+"/"+object.Name)
	}
	fmt.Fprintf(o.Out, "\nTo look at it:\n  kubectl fastpix explain %s -n %s\n", names[0], e.Namespace)
	if slices.ContainsFunc(r.Objects, func(o object) bool { return !Simulated(o.ID) }) {
		fmt.Fprintln(o.Out, "What a simulated event said about an object of yours stays until a newer event or sync corrects it.")
	}
	fmt.Fprintf(o.Out, "To remove it:\n  kubectl delete %s -n %s\n", strings.Join(names, " "), e.Namespace)
	return nil
}
