package cli

import (
	"context"
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
func (o *Options) ReadSecretFile(ctx context.Context, path, what string) ([]byte, error) {
	if path == "-" {
		return o.readSecret(ctx, what)
	}
	content, err := untilDone(ctx, func() ([]byte, error) { // the file may be a pipe that nobody writes to
		file, err := os.Open(path) //nolint:gosec // the user names a file of their own
		if err != nil {
			return nil, err
		}
		content, err := readBounded(file)
		return content, errors.Join(err, file.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("read %s from %s: %w", what, path, err)
	}
	return content, nil
}

// Asks reports that standard input is a terminal, so that ReadSecretFile asks for one line.
func (o *Options) Asks() bool {
	in, ok := o.In.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

func (o *Options) readSecret(ctx context.Context, what string) (content []byte, err error) {
	if in, ok := o.In.(*os.File); ok && o.Asks() {
		content, err = o.ask(ctx, in, what)
	} else {
		content, err = untilDone(ctx, func() ([]byte, error) { return readBounded(o.In) })
	}
	if err != nil {
		return nil, fmt.Errorf("read %s from standard input: %w", what, err)
	}
	return content, nil
}

// errInterrupted says that the user pressed Ctrl-C instead of giving a secret.
var errInterrupted = errors.New("interrupted")

// ask asks for a secret in a terminal. The echo is off before the prompt appears, and the terminal is as before at the end, also if the program is ended.
func (o *Options) ask(ctx context.Context, in *os.File, what string) (content []byte, err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, term.Restore(int(in.Fd()), before)) }()
	if o.terminal == nil { // it keeps what was pasted behind the first line for the next prompt
		o.terminal = term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, o.ErrOut}, "")
	}
	content, err = untilDone(ctx, func() ([]byte, error) {
		text, err := o.terminal.ReadPassword("Paste " + what + " and press Enter. It is not shown: ")
		return []byte(text), err
	})
	if err != nil {
		fmt.Fprint(o.ErrOut, "\r\n")
	}
	if errors.Is(err, io.EOF) {
		err = errInterrupted
	}
	return content, err
}

// untilDone returns what a function reads, or an error when the context ends. A read does not notice by itself that the user ends the program.
func untilDone(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	results := make(chan result, 1)
	go func() {
		content, err := read()
		results <- result{content, err}
	}()
	select {
	case r := <-results:
		return r.content, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readBounded(in io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(in, maxSecretBytes+1))
	if err == nil && len(content) > maxSecretBytes {
		err = fmt.Errorf("it has more than %d bytes, so it is no secret", maxSecretBytes)
	}
	return content, err
}
