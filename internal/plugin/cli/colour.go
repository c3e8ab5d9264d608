package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Colour colours text on a terminal. It changes nothing if the output is no terminal, or if the environment variable NO_COLOR is set.
type Colour struct{ on bool }

// Colour returns the colours of the output.
func (o *Options) Colour() Colour {
	return Colour{on: IsTerminal(o.Out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// IsTerminal reports whether a person sees what is written.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Good marks what is well.
func (c Colour) Good(text string) string { return c.paint("32", text) }

// Warn marks what deserves a look.
func (c Colour) Warn(text string) string { return c.paint("33", text) }

// Bad marks what is not well.
func (c Colour) Bad(text string) string { return c.paint("31", text) }

// Strong marks headings.
func (c Colour) Strong(text string) string { return c.paint("1", text) }

func (c Colour) paint(code, text string) string {
	if !c.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
