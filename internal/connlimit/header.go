package connlimit

import (
	"bytes"
)

// header follows the header of a request through the pieces in which it is read, and sees to it that net/http gets no more than headerLines
// of it: net/http bounds only its bytes.
type header struct {
	lines   int
	ended   bool
	tooLong bool
	// text says that the line which was begun is not empty. It is kept from one request to the next: the next may have begun in a piece
	// that was read for the one before.
	text bool
}

// next begins another header.
func (h *header) next() { *h = header{text: h.text} }

// scan looks at the next piece and returns how many lines of the header it ends. It turns a header with too many lines into one with too many
// bytes, which net/http refuses with 431.
func (h *header) scan(piece []byte) (lines int64) {
	rest := piece
	for !h.ended && !h.tooLong {
		line, after, found := bytes.Cut(rest, []byte{'\n'})
		if !found {
			break
		}
		h.ended = !h.text && isEmpty(line)
		h.lines++
		h.tooLong = h.lines > headerLines && !h.ended
		h.text, rest = false, after
		lines++
	}
	if last := bytes.LastIndexByte(rest, '\n'); last >= 0 {
		h.text, rest = false, rest[last+1:]
	}
	h.text = h.text || !isEmpty(rest)
	if h.tooLong {
		fill(piece)
	}
	return lines
}

// isEmpty reports that a line holds nothing but the return before its end.
func isEmpty(line []byte) bool { return len(line) == 0 || len(line) == 1 && line[0] == '\r' }

// fill makes a piece a text that no line ends.
func fill(piece []byte) {
	for i := range piece {
		piece[i] = 'x'
	}
}
