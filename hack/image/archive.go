package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Media types and annotations of the OCI image specification. annotationName is the annotation from which containerd, Docker and podman
// read the name of an image.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"

	annotationTag  = "org.opencontainers.image.ref.name"
	annotationName = "io.containerd.image.name"
)

// epoch replaces every time in an image, so that the same content always has the same digest.
const epoch = "1970-01-01T00:00:00Z"

// descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
}

// imageConfig is the configuration of an image: how its containers start.
type imageConfig struct {
	platform
	Created string `json:"created"`
	Config  struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
		Entrypoint   []string            `json:"Entrypoint"`
		Labels       map[string]string   `json:"Labels,omitempty"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	} `json:"history"`
}

// program is the only file of an image.
type program struct {
	content      []byte
	architecture string
}

// pack returns the archive of an image, and the digest of what its name stands for: the manifest of the image, or an index of the images for
// several architectures.
func pack(s stage, programs []program, name string) (archive []byte, digest string, err error) {
	blobs := blobs{}
	images := make([]descriptor, 0, len(programs))
	for _, p := range programs {
		image, err := blobs.addImage(s, p)
		if err != nil {
			return nil, "", err
		}
		images = append(images, image)
	}
	image := images[0]
	if len(images) > 1 {
		image = blobs.addJSON(typeIndex, manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: images})
	}
	image.Annotations = map[string]string{annotationName: name, annotationTag: name[strings.LastIndexByte(name, ':')+1:]}
	files := map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`),
		"index.json": mustMarshal(manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{image}}),
	}
	for digest, content := range blobs {
		files["blobs/"+strings.ReplaceAll(digest, ":", "/")] = content
	}
	archive, err = tarOf(files, 0o644)
	return archive, image.Digest, err
}

// addImage adds an image whose only layer contains one file.
func (b blobs) addImage(s stage, p program) (descriptor, error) {
	layer, err := tarOf(map[string][]byte{strings.TrimPrefix(path.Clean(s.Path), "/"): p.content}, 0o755)
	if err != nil {
		return descriptor{}, err
	}
	compressed, err := compress(layer)
	if err != nil {
		return descriptor{}, err
	}
	machine := platform{Architecture: p.architecture, OS: "linux"}
	config := b.addJSON(typeConfig, configOf(s, machine, digestOf(layer)))
	image := b.addJSON(typeManifest, manifest{
		SchemaVersion: 2, MediaType: typeManifest, Config: &config, Layers: []descriptor{b.add(typeLayer, compressed)},
	})
	image.Platform = &machine
	return image, nil
}

func configOf(s stage, machine platform, diffID string) imageConfig {
	c := imageConfig{platform: machine, Created: epoch}
	c.Config.User, c.Config.Entrypoint, c.Config.Labels = s.User, s.Entrypoint, s.Labels
	c.Config.ExposedPorts = map[string]struct{}{}
	for _, port := range s.Ports {
		c.Config.ExposedPorts[port+"/tcp"] = struct{}{}
	}
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{diffID}
	c.History = append(c.History, struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}{epoch, "COPY " + s.Path})
	return c
}

// blobs are the contents of an image by their digests.
type blobs map[string][]byte

func (b blobs) add(mediaType string, content []byte) descriptor {
	digest := digestOf(content)
	b[digest] = content
	return descriptor{MediaType: mediaType, Digest: digest, Size: len(content)}
}

func (b blobs) addJSON(mediaType string, value any) descriptor {
	return b.add(mediaType, mustMarshal(value))
}

func mustMarshal(value any) []byte {
	content, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return content
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func compress(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// tarOf returns an archive of files, sorted by name. The files belong to root, and their time is the epoch.
func tarOf(files map[string][]byte, mode int64) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(files[name])), Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// architectures are the names of architectures in images.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}

// architectureOf returns the architecture of a program, or an error if the program cannot run as the only file of an image.
func architectureOf(binary []byte) (string, error) {
	program, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("it is not a Linux program: %w", err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("it is linked dynamically. Build it with CGO_ENABLED=0")
		}
	}
	architecture, ok := architectures[program.Machine]
	if !ok {
		return "", fmt.Errorf("its architecture %v is not supported", program.Machine)
	}
	return architecture, nil
}

// fullName returns the full name that container runtimes use for an image. They expand a short name to one in Docker's registry.
func fullName(name string) (string, error) {
	repository, tag, ok := strings.Cut(path.Base(name), ":")
	if !ok || repository == "" || tag == "" || strings.Contains(name, "@") {
		return "", fmt.Errorf("%q is not a name and a tag", name)
	}
	first, _, nested := strings.Cut(name, "/")
	switch {
	case !nested:
		return "docker.io/library/" + name, nil
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		return "docker.io/" + name, nil
	}
	return name, nil
}
