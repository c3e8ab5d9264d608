package projection

import (
	"strings"
)

// file is one file of an archive.
type file struct{ name, data string }

// parseArchive reads the txtar format: a comment, then for each file a line "-- name --" and its text.
func parseArchive(text string) (comment string, files []file) {
	at := &comment
	for line := range strings.Lines(text) {
		if name, ok := marker(line); ok {
			files = append(files, file{name: name})
			at = &files[len(files)-1].data
			continue
		}
		*at += line
	}
	return comment, files
}

func marker(line string) (name string, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	name, ok = strings.CutPrefix(line, "-- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, " --")
	return strings.TrimSpace(name), ok
}

// formatArchive is the inverse of parseArchive.
func formatArchive(comment string, files []file) string {
	var b strings.Builder
	b.WriteString(comment)
	for _, f := range files {
		b.WriteString("-- " + f.name + " --\n" + f.data)
	}
	return b.String()
}
