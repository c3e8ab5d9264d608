package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/create"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/doctor"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/events"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/explain"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/failed"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/simulate"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/status"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/sync"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/tree"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/verify"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/version"
)

const long = `Set up, watch and repair endpoints of the FastPix operator.

A command works with the rights of your kubeconfig and needs no others. If a right is missing, it says which one. No command prints a secret.`

// The groups of commands in the help.
const (
	groupSetUp = "set-up"
	groupLook  = "look"
)

// Run runs a command and returns the exit code of the program.
func Run(ctx context.Context, pluginVersion string, args []string, streams genericiooptions.IOStreams) int {
	ctrllog.SetLogger(logr.Discard())
	root := NewCommand(cli.NewOptions(streams, pluginVersion, time.Now)) //nolint:contextcheck // cobra gives the context to the command
	root.SetArgs(args)
	var ran bool
	remember(root, &ran)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !ran {
		err = &cli.UsageError{Err: err}
	}
	report(streams.ErrOut, cmd, err)
	return cli.ExitCode(err)
}

// NewCommand returns the root command with all others.
func NewCommand(o *cli.Options) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-fastpix",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl fastpix"},
		Short:         "Set up, watch and repair endpoints of the FastPix operator",
		Long:          long,
		SilenceErrors: true, // Run prints them
		SilenceUsage:  true,
	}
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.ErrOut)
	root.SetUsageTemplate(usage)
	root.CompletionOptions.DisableDefaultCmd = true // it would complete kubectl-fastpix; kubectl runs kubectl_complete-fastpix
	o.AddFlags(root.PersistentFlags())
	_ = root.RegisterFlagCompletionFunc("namespace", cli.CompleteNamespaces(o))
	root.AddGroup(&cobra.Group{ID: groupSetUp, Title: "Set up:"}, &cobra.Group{ID: groupLook, Title: "Look and repair:"})
	add(root, groupSetUp, create.NewCommand(o))
	add(root, groupLook, status.NewCommand(o), sync.NewCommand(o), failed.NewCommand(o), tree.NewCommand(o), version.NewCommand(o),
		doctor.NewCommand(o), events.NewCommand(o), explain.NewCommand(o), simulate.NewCommand(o), verify.NewCommand(o))
	root.AddCommand(newOptionsCommand())
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// newOptionsCommand returns the command that lists the flags of all commands, as that of kubectl does.
func newOptionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: "List the flags that every command has",
		Long:  "List the flags that every command has. Those that say how to reach the API server are the flags of kubectl.",
		Example: `  # List them
  kubectl fastpix options

  # Use another cluster of the kubeconfig
  kubectl fastpix status --context production`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), cmd.InheritedFlags().FlagUsages())
			return err
		},
	}
}

// remember sets ran when a command runs. An error before that is one of the flags or the arguments.
func remember(cmd *cobra.Command, ran *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*ran = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		remember(child, ran)
	}
}

// report prints an error, and what to do. The text may be of other people: an API server, a proxy, a file.
func report(out io.Writer, cmd *cobra.Command, err error) {
	var wrong *cli.UsageError
	switch {
	case err == nil, errors.Is(err, cli.ErrNotWell): // the command has said it
	case errors.As(err, &wrong):
		fmt.Fprintf(out, "error: %s\nSee '%s --help' for help.\n", cli.Escape(err.Error()), cmd.CommandPath())
	default:
		fmt.Fprintf(out, "error: %s\n", cli.Escape(cli.Explain(err).Error()))
	}
}
