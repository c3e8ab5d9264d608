package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// The limits of requests of one command: those of kubectl. client-go's own would slow down a list of many pages.
const (
	qps   = 50
	burst = 300
)

// Options are what all commands share.
type Options struct {
	genericiooptions.IOStreams
	// Flags are kubectl's flags that say how to reach the API server.
	Flags *genericclioptions.ConfigFlags
	// OperatorNamespace is the namespace in which the operator runs.
	OperatorNamespace string
	// Version is the version of this program.
	Version string
	// Now returns the time.
	Now func() time.Time

	terminal *term.Terminal // that asks for secrets; nil before the first question
}

// NewOptions returns the options of a program that reads and writes the given streams.
func NewOptions(streams genericiooptions.IOStreams, version string, now func() time.Time) *Options {
	o := &Options{IOStreams: streams, Flags: genericclioptions.NewConfigFlags(true), Version: version, Now: now}
	o.Flags.WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.QPS, config.Burst = qps, burst
		config.UserAgent = "kubectl-fastpix/" + version
		config.WarningHandler = rest.NewWarningWriter(o.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
		return config
	})
	return o
}

// AddFlags defines the flags that every command has.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.Flags.AddFlags(flags)
	flags.StringVar(&o.OperatorNamespace, "operator-namespace", "fastpix-system", "Namespace in which the operator runs")
}

// Namespace returns the namespace of --namespace, or that of the kubeconfig.
func (o *Options) Namespace() (string, error) {
	namespace, _, err := o.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// Config returns the configuration of clients.
func (o *Options) Config() (*rest.Config, error) {
	config, err := o.Flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// Client returns a client of the kinds of Kubernetes and of the operator. It sends an object with a field that the API server does not know to no avail:
// the API server refuses it.
func (o *Options) Client() (client.WithWatch, error) {
	config, err := o.Config()
	if err != nil {
		return nil, err
	}
	mapper, err := o.Flags.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	return client.NewWithWatch(config, client.Options{Scheme: NewScheme(), Mapper: mapper, FieldValidation: "Strict"})
}

// NewScheme returns a scheme with the kinds of Kubernetes and of the operator.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, fastpixv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // a kind is registered twice
		}
	}
	return scheme
}
