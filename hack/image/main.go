package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// options are the settings of the command.
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
	flag.StringVar(&o.dockerfile, "file", "Dockerfile", "Dockerfile to read.")
	flag.StringVar(&o.binary, "binary", "", "Static binary that the last stage of the Dockerfile copies.")
	flag.StringVar(&o.name, "name", "", "Name and tag of the image.")
	flag.StringVar(&o.output, "output", "", "File to write the archive to.")
	flag.IntVar(&o.maxMB, "max-mb", 0, "Fail if the archive is this large or larger, in MB. 0 allows any size.")
	flag.Var(o.arguments, "build-arg", "NAME=VALUE of an ARG. May be set several times.")
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
		return fmt.Errorf("the archive has %d MB, the limit is %d MB: check why the binary has grown", size, o.maxMB)
	}
	if err := os.WriteFile(o.output, archive, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s is %s@%s (%.1f MB)\n", o.output, o.name, digest, float64(len(archive))/1e6)
	return nil
}
