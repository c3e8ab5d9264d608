package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// checkSums checks that checksums.txt and the provenance name every file of the release with its digest.
func (r *release) checkSums() error {
	text, err := os.ReadFile(r.path("checksums.txt"))
	if err != nil {
		return err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "checksums.txt" && name != "provenance.json" {
			if got, err := r.sum(name); err != nil || sums[name] != got {
				return fmt.Errorf("%s has the digest %s (%w), checksums.txt says %q", name, got, err, sums[name])
			}
		}
	}
	return r.checkProvenance(sums)
}

func (r *release) checkProvenance(sums map[string]string) error {
	text, err := os.ReadFile(r.path("provenance.json"))
	if err != nil {
		return err
	}
	var statement struct {
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters struct{ Version, Repository string }
			}
		}
	}
	if err := json.Unmarshal(text, &statement); err != nil {
		return fmt.Errorf("provenance.json: %w", err)
	}
	if p := statement.Predicate.BuildDefinition.ExternalParameters; p.Version != r.version || p.Repository+":"+p.Version != r.image {
		return fmt.Errorf("provenance.json is of %+v", p)
	}
	if len(statement.Subject) != len(sums) {
		return fmt.Errorf("provenance.json names %d files, checksums.txt %d", len(statement.Subject), len(sums))
	}
	for _, subject := range statement.Subject {
		if subject.Digest["sha256"] != sums[subject.Name] {
			return fmt.Errorf("provenance.json has another digest of %s", subject.Name)
		}
	}
	return nil
}

// sum returns the SHA-256 of a file of the release.
func (r *release) sum(name string) (string, error) {
	content, err := os.ReadFile(r.path(name))
	return fmt.Sprintf("%x", sha256.Sum256(content)), err
}
