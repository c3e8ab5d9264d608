package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	validators "github.com/operator-framework/api/pkg/validation/interfaces"
)

// bundleValidators are those of the operator-framework that need no image: MultipleArchitecturesValidator runs docker pull.
var bundleValidators = map[string]validators.Validator{
	"bundle":                   validation.BundleValidator,
	"ClusterServiceVersion":    validation.ClusterServiceVersionValidator,
	"CustomResourceDefinition": validation.CustomResourceDefinitionValidator,
	"objects":                  validation.ObjectValidator,
	"OperatorHub":              validation.OperatorHubV2Validator,
	"capabilities":             validation.StandardCapabilitiesValidator,
	"categories":               validation.StandardCategoriesValidator,
	"good practices":           validation.GoodPracticesValidator,
	"removed APIs":             validation.AlphaDeprecatedAPIsValidator,
}

// checkBundle checks the bundle for OLM as its catalogues do, and that it has the version and the image of the release.
func (r *release) checkBundle() error {
	folder, err := os.MkdirTemp("", "bundle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	files, err := unpack(r.path("fastpix-operator-bundle-" + r.number + ".tar.gz"))
	if err != nil {
		return err
	}
	for name, content := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return err
		}
	}
	bundle, err := manifests.GetBundleFromDir(folder)
	if err != nil {
		return err
	}
	var found error
	for name, validator := range bundleValidators {
		for _, result := range validator.Validate(bundle.ObjectsToValidate()...) {
			for _, problem := range result.Errors {
				found = errors.Join(found, fmt.Errorf("%s: %w", name, problem))
			}
		}
	}
	return errors.Join(found, r.checkServiceVersion(bundle))
}

func (r *release) checkServiceVersion(bundle *manifests.Bundle) error {
	spec := bundle.CSV.Spec
	if got := spec.Version.String(); got != r.number || bundle.CSV.Name != "fastpix-operator.v"+r.number {
		return fmt.Errorf("%s has the version %s", bundle.CSV.Name, got)
	}
	deployments := spec.InstallStrategy.StrategySpec.DeploymentSpecs
	if len(deployments) == 0 {
		return errors.New("it has no Deployments")
	}
	for _, d := range deployments {
		if got := d.Spec.Template.Spec.Containers[0].Image; got != r.image+"@"+r.digest {
			return fmt.Errorf("%s has the image %s", d.Name, got)
		}
	}
	return nil
}
