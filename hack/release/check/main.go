// Command check reads a release in a folder, and fails if its parts do not agree with each other: the versions of image, manifest, CRDs, chart,
// plugin, bundle, SBOMs and notes, and the digests by which one file names another one.
//
//	check -version v1.2.3 -image registry.example/fastpix-operator:v1.2.3 FOLDER
//
// It also validates what other programs read with the libraries of these: the bundle with the operator-framework's, the SBOMs with SPDX's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// release is a release in a folder.
type release struct {
	folder string
	// version is the tag, such as v1.2.3, and number the same as charts and bundles have it, such as 1.2.3.
	version, number string
	// image is the name of the image with its tag, and digest the digest of the index that the archive has.
	image, digest string
}

func main() {
	r := release{}
	flag.StringVar(&r.version, "version", "", "Version of the release.")
	flag.StringVar(&r.image, "image", "", "Name and tag of the image.")
	flag.Parse()
	r.folder = flag.Arg(0)
	if err := r.check(); err != nil {
		fmt.Fprintln(os.Stderr, "check: the parts of the release do not agree:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "check: all parts of", r.version, "agree")
}

// check returns every disagreement.
func (r *release) check() error {
	charts, err := filepath.Glob(r.path("fastpix-operator-[0-9]*.tgz"))
	if err != nil || len(charts) != 1 {
		return fmt.Errorf("there are the charts %v (%w)", charts, err)
	}
	r.number = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(charts[0]), "fastpix-operator-"), ".tgz")
	var found error
	for _, part := range []struct {
		name  string
		check func() error
	}{
		{"version", r.checkVersion},
		{"checksums.txt", r.checkSums},
		{"image", r.checkImage}, // sets the digest
		{"install.yaml", r.checkManifest},
		{"chart", r.checkChart},
		{"plugin", r.checkPlugin},
		{"SBOM", r.checkBills},
		{"bundle", r.checkBundle},
	} {
		if err := part.check(); err != nil {
			found = errors.Join(found, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	return found
}

// checkVersion checks the version of the chart against the tag. A tag that is not a semantic version gives a pre-release of 0.0.0.
func (r *release) checkVersion() error {
	if "v"+r.number != r.version && !strings.HasPrefix(r.number, "0.0.0-") {
		return fmt.Errorf("the chart is %s, the release is %s", r.number, r.version)
	}
	notes, err := os.ReadFile(r.path("release-notes.md"))
	if err == nil && len(strings.TrimSpace(string(notes))) == 0 {
		err = errors.New("release-notes.md is empty")
	}
	return err
}

func (r *release) path(name string) string { return filepath.Join(r.folder, name) }
