package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// maxSecretBytes is far above the length of a secret. A larger file is another file.
const maxSecretBytes = 16 << 10

// ReadSecretFile reads a secret from a file, or from standard input if the path is "-". In a terminal it asks for the secret and does not show what is typed.
// The error names the file and never quotes its content.
func (o *Options) ReadSecretFile(path, what string) ([]byte, error) {
	if path == "-" {
		return o.readSecret(what)
	}
	file, err := os.Open(path) //nolint:gosec // the user names a file of their own
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	content, err := readBounded(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s from %s: %w", what, path, err)
	}
	return content, nil
}

func (o *Options) readSecret(what string) ([]byte, error) {
	var content []byte
	var err error
	if in, ok := o.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprintf(o.ErrOut, "Paste %s and press Enter. It is not shown: ", what)
		content, err = term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(o.ErrOut)
	} else {
		content, err = readBounded(o.In)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s from standard input: %w", what, err)
	}
	return content, nil
}

func readBounded(in io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(in, maxSecretBytes+1))
	if err == nil && len(content) > maxSecretBytes {
		err = fmt.Errorf("it has more than %d bytes, so it is no secret", maxSecretBytes)
	}
	return content, err
}
