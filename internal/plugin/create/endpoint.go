package create

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

const endpointLong = `Create an endpoint, the Secrets that it names, and the rights to read just these: a Role and a RoleBinding for each Secret.

FastPix shows the signing secret only after you have registered the URL of the endpoint. So run the command twice: without --signing-secret-file, to see what
to paste into the FastPix dashboard; and with it, to store what the dashboard then shows. A command that is run again changes only what is missing. It never
replaces a Secret, a Role or a RoleBinding with another content, and has no endpoint read its access token from another Secret, unless you say --overwrite.

A file of --signing-secret-file holds the signing secret as the dashboard shows it. A file of --api-credentials-file holds an access token that may read media
and live streams, in two lines: token-id=... and secret-key=... With it the mirrors are compared with FastPix, see docs/sync.md. The name "-" is standard
input. Secrets are never taken from an argument, because other users of the machine can see arguments.

You need the rights to create Secrets, Roles, RoleBindings and WebhookEndpoints in the namespace, and to get Secrets yourself: nobody can grant a right that they
do not have.`

const endpointExample = `  # Create an endpoint in a new namespace, and see what to paste into the FastPix dashboard
  kubectl fastpix create endpoint fastpix --namespace video --create-namespace

  # Store the signing secret that the dashboard shows: paste it when asked
  kubectl fastpix create endpoint fastpix --namespace video --signing-secret-file -

  # Compare the mirrors with FastPix, too
  kubectl fastpix create endpoint fastpix --namespace video --api-credentials-file token.txt

  # Print what goes into Git. It holds no secret
  kubectl fastpix create endpoint fastpix --namespace video --dry-run=client -o yaml`

// The values of --dry-run.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

type options struct {
	*cli.Options
	printer                         *cli.Printer
	signingSecretFile, apiTokenFile string
	dryRun                          string
	createNamespace, overwrite      bool
	polling                         bool
	timeout                         time.Duration
}

func newEndpointCommand(shared *cli.Options) *cobra.Command {
	o := &options{Options: shared, printer: cli.NewPrinter()}
	cmd := &cobra.Command{
		Use: "endpoint NAME", Short: "Create an endpoint with its Secrets and the rights to read them", Long: endpointLong, Example: endpointExample,
		Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.signingSecretFile, "signing-secret-file", "", "File that holds the signing secret, or - for standard input")
	flags.StringVar(&o.apiTokenFile, "api-credentials-file", "", "File that holds an access token of the management API, or - for standard input")
	flags.BoolVar(&o.polling, "polling", false, "Create an endpoint that takes no webhooks, and learns of changes only by comparing. It needs an access token")
	flags.BoolVar(&o.createNamespace, "create-namespace", false, "Create the namespace if it does not exist")
	flags.BoolVar(&o.overwrite, "overwrite", false, "Replace a Secret, a Role or a RoleBinding of the same name that has another content, and the name of the Secret with the access token in an endpoint")
	flags.StringVar(&o.dryRun, "dry-run", dryRunNone, `Must be "none", "client" or "server". With client, print what would be created and ask no cluster. With server, let the API server check it`)
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]cobra.Completion{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "How long to wait until the operator has looked at the endpoint; 0 does not wait")
	o.printer.AddFlags(cmd)
	return cmd
}

func (o *options) validate(name string) error {
	switch o.dryRun {
	case dryRunNone, dryRunClient, dryRunServer:
	default:
		return cli.Usagef("--dry-run must be none, client or server")
	}
	switch {
	case o.signingSecretFile == "-" && o.apiTokenFile == "-":
		return cli.Usagef("only one of the files can be standard input")
	case o.polling && o.signingSecretFile != "":
		return cli.Usagef("an endpoint that only polls has no signing secret: say --polling or --signing-secret-file")
	}
	return validName(name)
}

func (o *options) run(ctx context.Context, name string) error {
	if err := o.validate(name); err != nil {
		return err
	}
	namespace, err := o.Namespace()
	if err != nil {
		return err
	}
	s := &setUp{namespace: namespace, name: name, operatorNamespace: o.OperatorNamespace, polling: o.polling, syncs: o.polling || o.apiTokenFile != ""}
	if err := o.readSecrets(ctx, s); err != nil {
		return err
	}
	s.accounts = install.UsualAccounts()
	if o.dryRun == dryRunClient {
		return o.printAll(s.objects(o.createNamespace))
	}
	c, err := o.writer()
	if err != nil {
		return err
	}
	if s.accounts, err = install.Accounts(ctx, c, s.operatorNamespace); err != nil {
		return err
	}
	return o.apply(ctx, c, s)
}

// writer returns the client that creates the objects.
func (o *options) writer() (client.Client, error) {
	c, err := o.Client()
	if err != nil || o.dryRun == dryRunNone {
		return c, err
	}
	return client.NewDryRunClient(c), nil
}
