package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// checkPlugin checks that the krew manifest has the version of the release and names every archive of the plugin with its digest, and that each
// archive has the program and the licence.
func (r *release) checkPlugin() error {
	text, err := os.ReadFile(r.path("fastpix.yaml"))
	if err != nil {
		return err
	}
	var plugin struct {
		Spec struct {
			Version   string
			Platforms []struct{ URI, SHA256, Bin string }
		}
	}
	if err := yaml.Unmarshal(text, &plugin); err != nil {
		return err
	}
	if plugin.Spec.Version != "v"+r.number {
		return fmt.Errorf("the krew manifest has the version %s", plugin.Spec.Version)
	}
	archives, err := filepath.Glob(r.path("kubectl-fastpix-*.tar.gz"))
	if err != nil || len(archives) == 0 || len(archives) != len(plugin.Spec.Platforms) {
		return fmt.Errorf("the krew manifest has %d platforms, the release has %v (%w)", len(plugin.Spec.Platforms), archives, err)
	}
	for _, platform := range plugin.Spec.Platforms {
		name := path.Base(platform.URI)
		if got, err := r.sum(name); err != nil || got != platform.SHA256 || !strings.HasSuffix(platform.URI, "/releases/download/"+r.version+"/"+name) {
			return fmt.Errorf("the krew manifest has %+v, the digest is %s (%w)", platform, got, err)
		}
		files, err := unpack(r.path(name))
		if err != nil {
			return err
		}
		if files["LICENSE"] == nil {
			return errors.New(name + " has no LICENSE")
		}
		if _, err := buildinfo.Read(bytes.NewReader(files[platform.Bin])); err != nil {
			return fmt.Errorf("%s in %s: %w", platform.Bin, name, err)
		}
	}
	return nil
}
