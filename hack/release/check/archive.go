package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"strings"
)

// unpack returns the files of an archive by their paths. If its name ends with gz, the archive is compressed.
func unpack(file string) (map[string][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, "gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	contents := map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return contents, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeReg {
			if contents[path.Clean(header.Name)], err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
}
