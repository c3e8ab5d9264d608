// Package create is the command "kubectl fastpix create endpoint": it creates an endpoint with its Secrets and the rights to read them.
//
// Start reading in endpoint.go. objects.go makes the objects, apply.go creates those that do not exist, secrets.go reads the files.
package create

import (
	"github.com/spf13/cobra"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const long = `Create what FastPix sends events to.`

const example = `  # Create an endpoint, and see what to paste into the FastPix dashboard
  kubectl fastpix create endpoint fastpix --namespace video

  # Store the signing secret that the dashboard shows
  kubectl fastpix create endpoint fastpix --namespace video --signing-secret-file -`

// NewCommand returns the command.
func NewCommand(shared *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "Create an endpoint with its Secrets and rights", Long: long, Example: example,
		Args: cobra.NoArgs, DisableFlagsInUseLine: true, // what is no command is a mistake, and not a question for help
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEndpointCommand(shared))
	return cmd
}
