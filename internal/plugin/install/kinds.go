package install

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/openapi3"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// ErrNoKinds says that the API server serves no kind of the operator.
var ErrNoKinds = errors.New("the CRDs of the operator are not installed: kubectl apply -k config/crd, or install the chart")

// kinds are the kinds of the operator, as this version knows them.
var kinds = map[string]reflect.Type{
	"WebhookEndpoint": reflect.TypeFor[fastpixv1.WebhookEndpoint](),
	"MediaAsset":      reflect.TypeFor[fastpixv1.MediaAsset](),
	"LiveStream":      reflect.TypeFor[fastpixv1.LiveStream](),
	"EventBatch":      reflect.TypeFor[fastpixv1.EventBatch](),
}

// Kind says whether the schema of a kind that the API server serves is that of this version.
type Kind struct {
	// Kind is its name.
	Kind string `json:"kind"`
	// Version is the served version.
	Version string `json:"version"`
	// Served says that the API server serves the kind at all.
	Served bool `json:"served"`
	// Lacks are fields that this version has and the API server does not know.
	Lacks []string `json:"lacks,omitempty"`
	// Adds are fields that the API server knows and this version does not have.
	Adds []string `json:"adds,omitempty"`
}

// Fits reports that the kind is that of this version.
func (k Kind) Fits() bool { return k.Served && len(k.Lacks) == 0 && len(k.Adds) == 0 }

// String says what differs.
func (k Kind) String() string {
	switch {
	case !k.Served:
		return "is not installed"
	case len(k.Lacks) > 0:
		return "is older than this program, it lacks " + some(k.Lacks)
	case len(k.Adds) > 0:
		return "is newer than this program, it adds " + some(k.Adds)
	default:
		return "fits"
	}
}

// some returns the first fields of a list, and how many there are beside them.
func some(fields []string) string {
	const shown = 3
	if len(fields) <= shown {
		return strings.Join(fields, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(fields[:shown], ", "), len(fields)-shown)
}

// Kinds compares the kinds that the API server serves with those of this version. Every user who can log in may read them.
func Kinds(flags *genericclioptions.ConfigFlags) ([]Kind, error) {
	discovery, err := flags.ToDiscoveryClient()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	discovery.Invalidate() // what was served before an upgrade misleads
	spec, err := openapi3.NewRoot(discovery.OpenAPIV3()).GVSpecAsMap(fastpixv1.GroupVersion)
	if _, unknown := errors.AsType[*openapi3.GroupVersionNotFoundError](err); unknown {
		return nil, ErrNoKinds
	} else if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", fastpixv1.GroupVersion, err)
	}
	served := schemas(spec)
	var found []Kind
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		kind := Kind{Kind: name, Version: fastpixv1.GroupVersion.Version}
		var schema map[string]any
		if schema, kind.Served = served[name]; kind.Served {
			kind.compare("", kinds[name], schema)
			slices.Sort(kind.Lacks)
			slices.Sort(kind.Adds)
		}
		found = append(found, kind)
	}
	return found, nil
}

// schemas returns the schema of each kind of an OpenAPI document.
func schemas(spec map[string]any) map[string]map[string]any {
	components, _ := spec["components"].(map[string]any)
	all, _ := components["schemas"].(map[string]any)
	found := map[string]map[string]any{}
	for name, schema := range all {
		if schema, ok := schema.(map[string]any); ok {
			found[name[strings.LastIndex(name, ".")+1:]] = schema
		}
	}
	return found
}

// compare adds the fields below a path that only the type or only the schema has.
func (k *Kind) compare(path string, t reflect.Type, schema map[string]any) {
	switch t.Kind() {
	case reflect.Pointer:
		k.compare(path, t.Elem(), schema)
	case reflect.Slice:
		if items, ok := schema["items"].(map[string]any); ok {
			k.compare(path+"[]", t.Elem(), items)
		}
	case reflect.Struct:
		if properties, ok := schema["properties"].(map[string]any); ok {
			k.compareFields(path, t, properties)
		}
	}
}

func (k *Kind) compareFields(path string, t reflect.Type, properties map[string]any) {
	known := map[string]bool{"apiVersion": path == "", "kind": path == "", "metadata": path == ""}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || known[name] {
			continue // inline: the type; or the metadata, which belong to Kubernetes
		}
		known[name] = true
		at := strings.TrimPrefix(path+"."+name, ".")
		if schema, ok := properties[name].(map[string]any); ok {
			k.compare(at, field.Type, schema)
		} else {
			k.Lacks = append(k.Lacks, at)
		}
	}
	for name := range properties {
		if !known[name] {
			k.Adds = append(k.Adds, strings.TrimPrefix(path+"."+name, "."))
		}
	}
}
