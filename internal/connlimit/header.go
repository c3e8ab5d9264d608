package connlimit

import (
	"bytes"
)

// header bounds the lines of a request's header, piece by piece as the header is read. net/http bounds only the bytes.
type header struct {
	lines   int
	ended   bool
	tooLong bool
	// text says that the current line is not empty. It is kept from one request to the next, because the piece that ends one request may contain the
	// start of the next.
	text bool
}

// next starts the header of the next request.
func (h *header) next() { *h = header{text: h.text} }

// scan reads the next piece and returns how many lines of the header it completes. It turns a header with too many lines into one with too many bytes,
// which net/http refuses with 431.
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

// isEmpty reports whether a line is empty, or holds only the carriage return before its end.
func isEmpty(line []byte) bool { return len(line) == 0 || len(line) == 1 && line[0] == '\r' }

// fill overwrites a piece with text that has no line end.
func fill(piece []byte) {
	for i := range piece {
		piece[i] = 'x'
	}
}
