package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// options are the settings of the command.
type options struct {
	dockerfile, name, output string
	binaries                 files
	arguments                arguments
	maxMB                    int
}

// files are names of files.
type files []string

func (f *files) String() string { return strings.Join(*f, ",") }

// Set adds a file.
func (f *files) Set(name string) error {
	*f = append(*f, name)
	return nil
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
	flag.Var(&o.binaries, "binary", "Static binary that the last stage of the Dockerfile copies. May be set once for each architecture.")
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
	programs, err := readPrograms(o.binaries)
	if err != nil {
		return err
	}
	name, err := fullName(o.name)
	if err != nil {
		return err
	}
	archive, digest, err := pack(stage, programs, name)
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

// readPrograms reads the binaries, which must have different architectures.
func readPrograms(files files) ([]program, error) {
	if len(files) == 0 {
		return nil, errors.New("no binary: set -binary")
	}
	programs := make([]program, 0, len(files))
	seen := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		architecture, err := architectureOf(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if other := seen[architecture]; other != "" {
			return nil, fmt.Errorf("%s and %s are both for %s", other, file, architecture)
		}
		seen[architecture] = file
		programs = append(programs, program{content: content, architecture: architecture})
	}
	return programs, nil
}
