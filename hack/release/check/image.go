package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

type descriptor struct {
	Digest      string
	Annotations map[string]string
	Platform    struct{ Architecture, OS string }
}

// layout is an OCI image layout.
type layout map[string][]byte

// read decodes a blob, after it has checked its digest.
func (l layout) read(d descriptor, into any) error {
	content := l["blobs/"+strings.ReplaceAll(d.Digest, ":", "/")]
	if fmt.Sprintf("sha256:%x", sha256.Sum256(content)) != d.Digest {
		return fmt.Errorf("the blob %s is missing or has another digest", d.Digest)
	}
	return json.Unmarshal(content, into)
}

// checkImage checks that the archive has one index with the name of the image, and that the images in it have the version of the release and
// one architecture each. It sets the digest of the release.
func (r *release) checkImage() error {
	files, err := unpack(r.path("fastpix-operator-image.tar"))
	if err != nil {
		return err
	}
	var named, images struct{ Manifests []descriptor }
	if err := json.Unmarshal(files["index.json"], &named); err != nil {
		return err
	}
	if len(named.Manifests) != 1 || named.Manifests[0].Annotations["io.containerd.image.name"] != r.image {
		return fmt.Errorf("the archive has %+v, want the image %s", named.Manifests, r.image)
	}
	r.digest = named.Manifests[0].Digest
	if err := layout(files).read(named.Manifests[0], &images); err != nil {
		return err
	}
	if len(images.Manifests) == 0 {
		return errors.New("it is not an index of several architectures")
	}
	for _, image := range images.Manifests {
		if err := r.checkPlatform(files, image); err != nil {
			return fmt.Errorf("%s: %w", image.Platform.Architecture, err)
		}
	}
	return nil
}

func (r *release) checkPlatform(files layout, image descriptor) error {
	var manifest struct{ Config descriptor }
	if err := files.read(image, &manifest); err != nil {
		return err
	}
	var config struct {
		Architecture string
		Config       struct{ Labels map[string]string }
	}
	if err := files.read(manifest.Config, &config); err != nil {
		return err
	}
	if config.Architecture != image.Platform.Architecture {
		return fmt.Errorf("the image is for %s", config.Architecture)
	}
	if got := config.Config.Labels["org.opencontainers.image.version"]; got != r.version {
		return fmt.Errorf("its version is %q, want %s", got, r.version)
	}
	return nil
}
