package markdown

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a Markdown table that a person can read in a terminal; its first row is its head.
type Table [][]string

// Add appends a row.
func (t *Table) Add(cells ...string) { *t = append(*t, cells) }

// Print writes the table. All columns but the first are aligned to the right.
func (t Table) Print(w io.Writer) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range t {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprint(w, "| ", cell, pad)
			} else {
				fmt.Fprint(w, " | ", pad, cell)
			}
		}
		fmt.Fprintln(w, " |")
		if n == 0 {
			fmt.Fprint(w, "|", strings.Repeat("-", widths[0]+2))
			for _, width := range widths[1:] {
				fmt.Fprint(w, "|", strings.Repeat("-", width+1), ":")
			}
			fmt.Fprintln(w, "|")
		}
	}
	fmt.Fprintln(w)
}
