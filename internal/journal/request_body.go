package journal

import (
	"io"
	"sync"
)

// requestBody is the body of one request. After Close it holds no bytes. An HTTP/2 client of golang.org/x/net (v0.57) keeps a goroutine for each
// request that was cancelled, and with it the body, as long as the connection takes no more bytes. While an API server hangs, these are several
// batches a second, until the client closes the connection after 45 seconds.
type requestBody struct {
	mu   sync.Mutex
	rest []byte
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer. It may be called again.
func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest = nil
	return nil
}
