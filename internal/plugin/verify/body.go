package verify

import (
	"bytes"
	"hash/maphash"
	"iter"
)

// candidateBody is a body that FastPix may have sent.
type candidateBody struct {
	text []byte
	// mistake returns the mistake that made the captured body of it. It is called only for a body that fits.
	mistake func() Mistake
}

func the(m Mistake) func() Mistake { return func() Mistake { return m } }

const byteOrderMark = "\uFEFF"

// bodiesOf yields the bodies that FastPix may have sent if the captured one arrived: the same first, then those that differ at their ends, then
// those with the same JSON in other bytes.
func bodiesOf(body []byte) iter.Seq[candidateBody] {
	return func(yield func(candidateBody) bool) {
		seed, seen := maphash.MakeSeed(), map[uint64]bool{}
		try := func(c candidateBody) bool {
			hash := maphash.Bytes(seed, c.text)
			known := seen[hash]
			seen[hash] = true
			return known || yield(c)
		}
		if !try(candidateBody{body, the(none)}) {
			return
		}
		for _, c := range edges(body) {
			if !try(c) {
				return
			}
		}
		reencodings(body, try)
	}
}

// edges returns the bodies that differ from the captured one in line breaks and at the ends.
func edges(body []byte) []candidateBody {
	unix := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	joined := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return []candidateBody{
		{bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r")), the(bodyNewlineAdded)},
		{bytes.TrimSuffix(body, []byte("\n")), the(bodyNewlineAdded)},
		{bytes.TrimRight(body, "\r\n"), the(bodyNewlineAdded)},
		{joined(body, []byte("\n")), the(bodyNewlineMissing)},
		{joined(body, []byte("\r\n")), the(bodyNewlineMissing)},
		{unix, the(bodyLineBreaks)},
		{bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n")), the(bodyLineBreaks)},
		{bytes.TrimPrefix(body, []byte(byteOrderMark)), the(bodyMark)},
		{joined([]byte(byteOrderMark), body), the(bodyMark)},
		{bytes.TrimSpace(body), the(bodySpace)},
	}
}
