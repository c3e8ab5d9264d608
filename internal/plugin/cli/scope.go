package cli

import "github.com/spf13/cobra"

// Scope is the flag --all-namespaces.
type Scope struct {
	// AllNamespaces says that the command is about all namespaces.
	AllNamespaces bool
}

// AddFlags defines the flag.
func (s *Scope) AddFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.AllNamespaces, "all-namespaces", "A", false, "Show objects of all namespaces")
}

// Namespace returns the namespace to list, which is empty for all namespaces.
func (s *Scope) Namespace(o *Options) (string, error) {
	if s.AllNamespaces {
		return "", nil
	}
	return o.Namespace()
}
