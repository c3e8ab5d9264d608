package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// published are the kinds of other projects that an installation may have objects of: modules that hack/crds pins, and files of their CRDs.
var published = map[string][]string{
	"sigs.k8s.io/gateway-api":              {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	"github.com/cert-manager/cert-manager": {"deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"},
	"github.com/prometheus-operator/prometheus-operator": {
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	},
}

// PublishedCRDs returns the files of the CRDs of other projects that an installation may have objects of, as those publish them.
func PublishedCRDs(ctx context.Context) ([]string, error) {
	var all []string
	for module, files := range published {
		folder, err := PublishedModule(ctx, module)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			all = append(all, filepath.Join(folder, file))
		}
	}
	return all, nil
}

// PublishedModule returns where the module cache keeps a module that hack/crds pins. Go fetches it if need be.
func PublishedModule(ctx context.Context, module string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = filepath.Join(root, "hack", "crds")
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if err = errors.Join(err, json.Unmarshal(out, &got)); err != nil {
		return "", fmt.Errorf("fetch %s: %w: %s", module, err, got.Error)
	}
	return got.Dir, nil
}
