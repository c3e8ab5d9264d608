package webhookserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

const (
	// maxBodyBytes bounds a delivery; FastPix's have a few KiB.
	maxBodyBytes = 1 << 20
	// smallBodyBytes is what every request may take without asking. It is more than nearly every delivery has.
	smallBodyBytes = 16 << 10
	// maxLargeBytes bounds the memory of all larger bodies together, so that a flood of them delays large bodies only.
	maxLargeBytes = 48 << 20
)

var (
	errBodyTooLarge   = errors.New("the body has more than 1 MiB")
	errBodyIncomplete = errors.New("the body did not arrive")
	errNoMemory       = errors.New("large bodies take too much memory already")
)

// bodies reads bodies within bounds of size and memory; connlimit bounds how many there are. Nothing of a body is allocated before it has arrived.
type bodies struct {
	large atomic.Int64 // bytes of buffers larger than smallBodyBytes
}

// read returns the body. The caller calls release, whatever the error, when it needs the body no longer.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > maxBodyBytes {
		return nil, func() {}, errBodyTooLarge
	}
	buffer := buffer{pool: b, bytes: make([]byte, 0, initialBytes(r.ContentLength))}
	err = buffer.fill(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	return buffer.bytes, buffer.release, err
}

// initialBytes is room for the body and for the read that finds its end.
func initialBytes(contentLength int64) int64 {
	if contentLength < 0 {
		return 4 << 10
	}
	return min(contentLength+1, smallBodyBytes)
}

// buffer is a growing buffer that takes what exceeds smallBodyBytes from a common allowance.
type buffer struct {
	pool  *bodies
	taken int64
	bytes []byte
}

func (b *buffer) fill(r io.Reader) error {
	for {
		if len(b.bytes) == cap(b.bytes) && !b.grow() {
			return errNoMemory
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &tooLarge):
			return errBodyTooLarge
		default:
			return fmt.Errorf("%w: %w", errBodyIncomplete, err)
		}
	}
}

// grow doubles the buffer if the allowance has room.
func (b *buffer) grow() bool {
	size := min(2*cap(b.bytes), maxBodyBytes+1)
	if size > smallBodyBytes {
		more := int64(size) - b.taken
		if b.pool.large.Add(more) > maxLargeBytes {
			b.pool.large.Add(-more)
			return false
		}
		b.taken += more
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return true
}

func (b *buffer) release() {
	b.pool.large.Add(-b.taken)
	b.taken = 0
}
