// Package verify is the command "kubectl fastpix verify": it says whether a captured delivery verifies, and if not, which mistake it is.
//
// Start reading at Diagnose, which is a function of its arguments.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/signing"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

const long = `Say whether a captured delivery verifies, and if not, which mistake it is.

The command verifies as the receiver does. If the signature is not right, it undoes the usual mistakes until it is: a body that a proxy has written again, a
line break at the end, a secret that is encoded twice or belongs to another webhook, a header of another name, a signature in another encoding. It names the
mistakes that explain the delivery, and says what to do. It prints neither the body nor a secret.

With --endpoint the command reads the Secrets that the endpoint names, and if no mistake explains the delivery, those of the other endpoints of the namespace
as far as you may read them. You need the right to get the endpoint and its Secrets. With --signing-secret-file it asks no API server.

The exit code is 0 if the delivery verifies, and 3 if it does not.`

const example = `  # Verify a captured body with the secrets of an endpoint
  kubectl fastpix verify --file body.json --signature 'oeDnZHgmhQ3UJ7qUw7uJAzo0O3Dbulfr0w89eoy0lVA=' --endpoint fastpix -n video

  # The same with the secret from the dashboard, and with headers as they were captured
  kubectl fastpix verify --file body.json --signature 'X-Signature: oeDnZHgmhQ3UJ7qUw7uJAzo0O3Dbulfr0w89eoy0lVA=' --signing-secret-file secret.txt`

// maxBody is the length of a body up to which the receiver accepts it.
const maxBody = 1 << 20

type options struct {
	*cli.Options
	printer                    *cli.Printer
	file, endpoint, secretFile string
	signatures                 []string
}

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewReportPrinter()}
	cmd := &cobra.Command{
		Use:   "verify --file BODY --signature SIGNATURE (--endpoint NAME | --signing-secret-file FILE)",
		Short: "Say whether a captured delivery verifies, and if not, why", Long: long, Example: example,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", "", "File with the body as it was captured, byte for byte; - is standard input")
	flags.StringArrayVar(&o.signatures, "signature", nil,
		"Signature of the delivery, or a whole header, such as 'FastPix-Signature: ...'. Give it once for each header that may hold the signature; leave it out if there was none")
	flags.StringVar(&o.endpoint, "endpoint", "", "WebhookEndpoint whose signing secrets count")
	flags.StringVar(&o.secretFile, "signing-secret-file", "", "File with the signing secret as the dashboard shows it; - is standard input")
	_ = cmd.MarkFlagRequired("file")
	_ = cmd.RegisterFlagCompletionFunc("endpoint", cli.CompleteNames(shared, &fastpixv1.WebhookEndpointList{}))
	cmd.MarkFlagsOneRequired("endpoint", "signing-secret-file")
	cmd.MarkFlagsMutuallyExclusive("endpoint", "signing-secret-file")
	o.printer.AddFlags(cmd)
	return cmd
}

func (o *options) run(ctx context.Context) error {
	if o.file == "-" && o.secretFile == "-" {
		return cli.Usagef("--file and --signing-secret-file cannot both be standard input")
	}
	delivery, err := o.delivery()
	if err != nil {
		return err
	}
	verdict, err := o.diagnose(ctx, delivery)
	if err != nil {
		return err
	}
	if err := o.print(verdict, delivery.Body); err != nil {
		return err
	}
	if !verdict.Verified {
		return cli.ErrNotWell
	}
	return nil
}

// delivery reads what was captured.
func (o *options) delivery() (Delivery, error) {
	body, err := o.readBody()
	d := Delivery{Body: body}
	for _, s := range o.signatures {
		d.Headers = append(d.Headers, headerOf(s))
	}
	return d, err
}

// readBody reads the body.
func (o *options) readBody() ([]byte, error) {
	in := io.NopCloser(o.In)
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer func() { _ = in.Close() }()
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("%s has more than %d bytes: the receiver answers 413 to such a body", o.file, maxBody)
	}
	return body, err
}

// named matches a whole header.
var named = regexp.MustCompile(`^([A-Za-z0-9_-]+):[ \t]*`)

// headerOf returns a header from its text, or from its value alone.
func headerOf(text string) Header {
	if found := named.FindStringSubmatch(text); found != nil {
		return Header{Name: found[1], Value: text[len(found[0]):]}
	}
	return Header{Name: signature.Header, Value: text}
}

// diagnose gathers the secrets and diagnoses the delivery.
func (o *options) diagnose(ctx context.Context, d Delivery) (Verdict, error) {
	if o.secretFile != "" {
		s, err := signing.FromFile(ctx, o.Options, o.secretFile)
		return Diagnose(d, counting([]signing.Secret{s})), err
	}
	c, err := o.Client()
	if err != nil {
		return Verdict{}, err
	}
	namespace, err := o.Namespace()
	if err != nil {
		return Verdict{}, err
	}
	var endpoint fastpixv1.WebhookEndpoint
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.endpoint}, &endpoint); err != nil {
		return Verdict{}, err
	}
	if endpoint.Spec.PollsOnly() {
		return Verdict{}, fmt.Errorf("the endpoint %s names no signing secret: it takes no webhooks, and the receiver answers 404", o.endpoint)
	}
	stored, err := signing.OfEndpoint(ctx, c, &endpoint)
	if err != nil {
		return Verdict{}, err
	}
	secrets := counting(stored)
	verdict := Diagnose(d, secrets)
	if verdict.Verified || verdict.Certain {
		return verdict, nil
	}
	return Diagnose(d, append(secrets, o.others(ctx, c, &endpoint)...)), nil
}

func counting(stored []signing.Secret) []Secret {
	var secrets []Secret
	for _, s := range stored {
		secrets = append(secrets, Secret{Name: s.Name, Text: s.Text, Problem: s.Problem})
	}
	return secrets
}

// others reads the signing secrets of the other endpoints of the namespace, and says which it could not read.
func (o *options) others(ctx context.Context, c client.Reader, than *fastpixv1.WebhookEndpoint) []Secret {
	var secrets []Secret
	note := func(what string, err error) {
		if apierrors.IsForbidden(err) {
			err = errors.New("you may not read them")
		}
		fmt.Fprintf(o.ErrOut, "note: the signing secrets of %s were not tried: %s\n", what, cli.Escape(err.Error()))
	}
	err := cli.Each(ctx, c, &fastpixv1.WebhookEndpointList{}, func(e *fastpixv1.WebhookEndpoint) error {
		if e.Name == than.Name {
			return nil
		}
		stored, err := signing.OfEndpoint(ctx, c, e)
		if err != nil {
			note("endpoint "+e.Name, err)
			return nil
		}
		for _, s := range stored {
			secrets = append(secrets, Secret{Name: "endpoint " + e.Name + " (" + s.Name + ")", Text: s.Text, Other: true})
		}
		return nil
	}, client.InNamespace(than.Namespace))
	if err != nil {
		note("other endpoints", err)
	}
	return secrets
}

// print prints the verdict.
func (o *options) print(v Verdict, body []byte) error {
	if !o.printer.IsTable() {
		report, err := cli.Report("Verdict", &v)
		if err != nil {
			return err
		}
		return o.printer.Print(o.Out, nil, report)
	}
	colour := o.Colour()
	if v.Verified {
		fmt.Fprintf(o.Out, "%s with %s (fingerprint %s).\n%s\n", colour.Good("The signature is right")+",", v.Secret, v.Fingerprint, cli.Escape(consequence(body)))
		return nil
	}
	fmt.Fprintln(o.Out, colour.Bad("The delivery does not verify.")+" The receiver refuses it.")
	if !v.Certain {
		fmt.Fprintln(o.Out, "This is probable and not certain:")
	}
	for _, m := range v.Mistakes {
		fmt.Fprintf(o.Out, "\n%s: %s\n%s\n", colour.Strong(m.Name), cli.Escape(m.What), m.Mend)
	}
	if v.Fingerprint != "" {
		fmt.Fprintf(o.Out, "\nThe key is that of %s (fingerprint %s).\n", v.Secret, v.Fingerprint)
	}
	return nil
}

// consequence says what the receiver does with a body whose signature is right.
func consequence(body []byte) string {
	e, err := event.Decode(body)
	switch {
	case errors.Is(err, event.ErrProbe):
		return "The body is a probe of the dashboard: the receiver answers 200 and keeps nothing."
	case err != nil:
		return "The receiver answers 400, because it does not understand the body: " + err.Error() + "."
	case !e.Known:
		return "The receiver answers 200 and keeps nothing, because it does not know the type of the event."
	}
	var about []string
	for _, change := range e.Changes {
		about = append(about, string(change.Kind)+" "+change.ID)
	}
	if about == nil {
		return fmt.Sprintf("It is an event %s that changes no mirror.", e.Type.Name)
	}
	return fmt.Sprintf("It is an event %s about %s.", e.Type.Name, strings.Join(about, " and "))
}
