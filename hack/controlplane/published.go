package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// published are the kinds of other projects that config/ has objects of: the modules that hack/crds pins, and files of their CRDs.
var published = map[string][]string{
	"sigs.k8s.io/gateway-api":                            {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	"github.com/cert-manager/cert-manager":               {"deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"},
	"github.com/prometheus-operator/prometheus-operator": {"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
}

// PublishedCRDs returns the files of the CRDs of other projects that config/ has objects of, as those publish them. Go fetches them if
// need be.
func PublishedCRDs(ctx context.Context) ([]string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	var all []string
	for module, files := range published {
		cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
		cmd.Dir = filepath.Join(root, "hack", "crds")
		out, err := cmd.Output()
		var got struct{ Dir, Error string }
		if err = errors.Join(err, json.Unmarshal(out, &got)); err != nil {
			return nil, fmt.Errorf("fetch %s: %w: %s", module, err, got.Error)
		}
		for _, file := range files {
			all = append(all, filepath.Join(got.Dir, file))
		}
	}
	return all, nil
}
