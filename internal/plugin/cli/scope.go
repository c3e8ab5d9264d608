package cli

import (
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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

// Client returns a client, and the namespace to list with it.
func (s *Scope) Client(o *Options) (c client.WithWatch, namespace string, err error) {
	if namespace, err = s.Namespace(o); err != nil {
		return nil, "", err
	}
	c, err = o.Client()
	return c, namespace, err
}
