// The image program packs one static binary into the archive of an image, without Docker, root, a registry or a network.
//
// What the image is, it reads from the last stage of a Dockerfile: user, entrypoint, labels, ports, and where the binary lies. It refuses what it does not
// understand, so an image of this program and one of a builder for Dockerfiles cannot differ but in the base, which here is empty.
//
// The same binary, Dockerfile and arguments make the same bytes. The archive is an OCI image layout, which containerd, podman and Docker load.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// options say what to pack.
type options struct {
	dockerfile, binary, name, output string
	arguments                        arguments
	maxMB                            int
}

// arguments are the values of a Dockerfile's ARG.
type arguments map[string]string

func (a arguments) String() string { return fmt.Sprint(map[string]string(a)) }

// Set adds NAME=VALUE.
func (a arguments) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	a[name] = value
	return nil
}

func main() {
	o := options{arguments: arguments{}}
	flag.StringVar(&o.dockerfile, "file", "Dockerfile", "the Dockerfile")
	flag.StringVar(&o.binary, "binary", "", "the static binary that its last stage copies")
	flag.StringVar(&o.name, "name", "", "name and tag of the image")
	flag.StringVar(&o.output, "output", "", "where to write the archive")
	flag.IntVar(&o.maxMB, "max-mb", 0, "fail if the archive is larger; 0 means any size")
	flag.Var(o.arguments, "build-arg", "NAME=VALUE of an ARG; may be given several times")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	text, err := os.ReadFile(o.dockerfile)
	if err != nil {
		return err
	}
	stage, err := lastStage(string(text), o.arguments)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.dockerfile, err)
	}
	binary, err := os.ReadFile(o.binary)
	if err != nil {
		return err
	}
	architecture, err := architectureOf(binary)
	if err != nil {
		return fmt.Errorf("%s: %w", o.binary, err)
	}
	name, err := fullName(o.name)
	if err != nil {
		return err
	}
	archive, digest, err := pack(stage, binary, name, architecture)
	if err != nil {
		return err
	}
	if size := len(archive) / 1e6; o.maxMB > 0 && size >= o.maxMB {
		return fmt.Errorf("the archive has %d MB, and %d are too many: what has the binary grown by?", size, o.maxMB)
	}
	if err := os.WriteFile(o.output, archive, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s is %s@%s (%.1f MB)\n", o.output, o.name, digest, float64(len(archive))/1e6)
	return nil
}
