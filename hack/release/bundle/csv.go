package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/blang/semver/v4"
	olmversion "github.com/operator-framework/api/pkg/lib/version"
	olm "github.com/operator-framework/api/pkg/operators/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	repository = "https://github.com/fastpix-operator/fastpix-operator"
	// minKubernetes is the first version that serves selectable fields of custom resources.
	minKubernetes = "1.32.0"
	// journalKind is what the operator keeps events in. Users do not create it.
	journalKind = "EventBatch"
)

const description = `Receives [FastPix](https://www.fastpix.com) webhooks in the cluster, verifies their signatures, and mirrors media assets and live streams into
custom resources.

Install the operator into the namespace ` + "`fastpix-system`" + `. OLM cannot install admission policies, which restrict what the identities of the operator may
write: apply them before, as the [documentation](` + repository + `/blob/main/docs/olm.md) says.`

// serviceVersion makes the ClusterServiceVersion, which holds the Deployments, the rights of their identities, and the owned kinds.
func serviceVersion(version string, created time.Time, objects []*unstructured.Unstructured) (*olm.ClusterServiceVersion, error) {
	number, err := semver.Parse(version)
	if err != nil {
		return nil, fmt.Errorf("the version %q: %w", version, err)
	}
	v := &olm.ClusterServiceVersion{
		TypeMeta: metav1.TypeMeta{APIVersion: "operators.coreos.com/v1alpha1", Kind: "ClusterServiceVersion"},
		ObjectMeta: metav1.ObjectMeta{
			Name: packageName + ".v" + version,
			Annotations: map[string]string{
				"capabilities": "Seamless Upgrades",
				"categories":   "Streaming & Messaging",
				"createdAt":    created.Format(time.RFC3339),
				"description":  "Mirrors FastPix media assets and live streams into Kubernetes",
				"repository":   repository,
				"support":      "fastpix-operator",
				"operatorframework.io/suggested-namespace":        "fastpix-system",
				"operators.operatorframework.io/internal-objects": `["eventbatches.video.fastpix.com"]`,
			},
			Labels: map[string]string{
				"operatorframework.io/arch.amd64": "supported", "operatorframework.io/arch.arm64": "supported", "operatorframework.io/os.linux": "supported",
			},
		},
		Spec: olm.ClusterServiceVersionSpec{
			Version: olmversion.OperatorVersion{Version: number}, DisplayName: "FastPix operator", Description: description, Maturity: "alpha", MinKubeVersion: minKubernetes,
			Keywords: []string{"fastpix", "video", "webhooks", "media"}, Provider: olm.AppLink{Name: "fastpix-operator", URL: repository},
			Links:        []olm.AppLink{{Name: "Documentation", URL: repository + "/blob/main/docs/README.md"}},
			InstallModes: installModes(),
		},
	}
	v.Spec.InstallStrategy.StrategyName = olm.InstallStrategyNameDeployment
	return v, addObjects(v, objects)
}

// installModes say that the operator always watches all namespaces.
func installModes() []olm.InstallMode {
	modes := []olm.InstallMode{{Type: olm.InstallModeTypeAllNamespaces, Supported: true}}
	for _, kind := range []olm.InstallModeType{olm.InstallModeTypeOwnNamespace, olm.InstallModeTypeSingleNamespace, olm.InstallModeTypeMultiNamespace} {
		modes = append(modes, olm.InstallMode{Type: kind})
	}
	return modes
}

// addObjects adds what OLM installs from the ClusterServiceVersion, and not from files of their own.
func addObjects(v *olm.ClusterServiceVersion, objects []*unstructured.Unstructured) error {
	rules := map[string][]rbacv1.PolicyRule{}
	for _, object := range objects {
		switch object.GetKind() {
		case "Role", "ClusterRole":
			role, err := as[rbacv1.ClusterRole](object)
			if err != nil {
				return err
			}
			rules[role.Kind+" "+role.Name] = role.Rules
		}
	}
	strategy := &v.Spec.InstallStrategy.StrategySpec
	for _, object := range objects {
		switch object.GetKind() {
		case "Deployment":
			d, err := as[appsv1.Deployment](object)
			if err != nil {
				return err
			}
			strategy.DeploymentSpecs = append(strategy.DeploymentSpecs, olm.StrategyDeploymentSpec{Name: d.Name, Label: d.Labels, Spec: d.Spec})
			v.Spec.RelatedImages = []olm.RelatedImage{{Name: packageName, Image: d.Spec.Template.Spec.Containers[0].Image}}
		case "RoleBinding", "ClusterRoleBinding":
			b, err := as[rbacv1.ClusterRoleBinding](object)
			if err != nil {
				return err
			}
			granted := olm.StrategyDeploymentPermissions{ServiceAccountName: b.Subjects[0].Name, Rules: rules[b.RoleRef.Kind+" "+b.RoleRef.Name]}
			if b.Kind == "RoleBinding" {
				strategy.Permissions = append(strategy.Permissions, granted)
			} else {
				strategy.ClusterPermissions = append(strategy.ClusterPermissions, granted)
			}
		case "CustomResourceDefinition":
			crd, err := as[apiextensionsv1.CustomResourceDefinition](object)
			if err != nil {
				return err
			}
			v.Spec.CustomResourceDefinitions.Owned = append(v.Spec.CustomResourceDefinitions.Owned, owned(crd)...)
		}
	}
	return nil
}

// owned describes the kind of a CRD, in each of its versions.
func owned(crd *apiextensionsv1.CustomResourceDefinition) []olm.CRDDescription {
	all := make([]olm.CRDDescription, 0, len(crd.Spec.Versions))
	for _, version := range crd.Spec.Versions {
		all = append(all, olm.CRDDescription{
			Name: crd.Name, Kind: crd.Spec.Names.Kind, Version: version.Name, DisplayName: crd.Spec.Names.Kind,
			Description: strings.Join(strings.Fields(version.Schema.OpenAPIV3Schema.Description), " "),
		})
	}
	return all
}

// alone reports whether an object is a file of its own in the bundle. The identities and their bindings are in the ClusterServiceVersion.
func alone(object *unstructured.Unstructured) bool {
	switch object.GetKind() {
	case "ClusterRole": // the roles of users; those of the operator are in the ClusterServiceVersion
		return !slices.Contains(identities, object.GetName())
	case "CustomResourceDefinition", "NetworkPolicy", "PodDisruptionBudget", "Service":
		return true
	}
	return false
}

// identities are the ServiceAccounts of the operator. Its own roles have the same names.
var identities = []string{"fastpix-controller-manager", "fastpix-receiver", "fastpix-syncer"}

// as converts an object to its type.
func as[T any](object *unstructured.Unstructured) (*T, error) {
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return typed, nil
}
