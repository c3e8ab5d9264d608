package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// checkBills checks that there is an SBOM of each program of the release, and that it has the version and the digest of the program.
func (r *release) checkBills() error {
	programs, err := r.programs()
	if err != nil {
		return err
	}
	for name, program := range programs {
		text, err := os.ReadFile(r.path(name + ".spdx.json"))
		if err != nil {
			return err
		}
		document, err := spdxjson.Read(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := spdxlib.ValidateDocument(document); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(document.Packages) < 2 { // the program and Go
			return errors.New(name + " has no modules")
		}
		described, want := document.Packages[0], fmt.Sprintf("%x", sha256.Sum256(program))
		if described.PackageVersion != r.version || described.PackageChecksums[0].Value != want {
			return fmt.Errorf("%s is of version %s and digest %s", name, described.PackageVersion, described.PackageChecksums[0].Value)
		}
	}
	return nil
}

// programs returns the programs of the release by the names of their SBOMs.
func (r *release) programs() (map[string][]byte, error) {
	programs := map[string][]byte{}
	binaries, err := filepath.Glob(r.path("fastpix-operator-linux-*"))
	if err != nil {
		return nil, err
	}
	for _, file := range binaries {
		if filepath.Ext(file) == "" {
			if programs[filepath.Base(file)], err = os.ReadFile(file); err != nil {
				return nil, err
			}
		}
	}
	if len(programs) == 0 {
		return nil, errors.New("there are no binaries")
	}
	archives, err := filepath.Glob(r.path("kubectl-fastpix-*.tar.gz"))
	if err != nil {
		return nil, err
	}
	for _, file := range archives {
		files, err := unpack(file)
		if err != nil {
			return nil, err
		}
		for name, content := range files {
			if strings.TrimSuffix(name, ".exe") == "kubectl-fastpix" {
				programs[strings.TrimSuffix(filepath.Base(file), ".tar.gz")] = content
			}
		}
	}
	return programs, nil
}
