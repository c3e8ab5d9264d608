package webhookserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

const (
	// maxBodyBytes bounds the body of a delivery. The bodies of FastPix have a few KiB.
	maxBodyBytes = 1 << 20
	// smallBodyBytes is what every request may allocate. Nearly every delivery is smaller.
	smallBodyBytes = 16 << 10
	// maxLargeBytes bounds the memory of all larger bodies together, so that a flood of them delays large bodies only.
	maxLargeBytes = 16 << 20
)

var (
	errBodyTooLarge   = errors.New("the body has more than 1 MiB")
	errBodyIncomplete = errors.New("the body did not arrive")
	errNoMemory       = errors.New("large bodies use all memory that they may use")
)

// bodies reads bodies within bounds of size and memory. The connection limiter bounds how many there are. The memory of a body grows as the
// body arrives.
type bodies struct {
	large atomic.Int64 // bytes of buffers larger than smallBodyBytes
}

// read returns the body. The caller calls release after it has used the body, even after an error.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > maxBodyBytes {
		return nil, func() {}, errBodyTooLarge
	}
	buffer := buffer{pool: b, bytes: make([]byte, 0, initialBytes(r.ContentLength))}
	err = buffer.fill(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	return buffer.bytes, buffer.release, err
}

// initialBytes returns the size of the first buffer: the body and one byte more, so that the same buffer serves the read that finds the
// end.
func initialBytes(contentLength int64) int64 {
	if contentLength < 0 {
		return 4 << 10
	}
	return min(contentLength+1, smallBodyBytes)
}

// buffer is a growing buffer. What exceeds smallBodyBytes counts against the memory that all bodies share.
type buffer struct {
	pool     *bodies
	reserved int64
	bytes    []byte
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

// grow doubles the buffer if the shared memory allows it.
func (b *buffer) grow() bool {
	size := min(2*cap(b.bytes), maxBodyBytes+1)
	if size > smallBodyBytes {
		more := int64(size) - b.reserved
		if b.pool.large.Add(more) > maxLargeBytes {
			b.pool.large.Add(-more)
			return false
		}
		b.reserved += more
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return true
}

// release frees the buffer. It may be called again.
func (b *buffer) release() {
	b.pool.large.Add(-b.reserved)
	b.reserved, b.bytes = 0, nil
}
