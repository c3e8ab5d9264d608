package connlimit

// Prices in bytes of resident memory. docs/adr/0020 says how they were measured.
const (
	// plainPrice is the price of a connection: its goroutine, the buffers of net/http, and the kernel's memory of its socket.
	plainPrice = 24 << 10
	// tlsPrice is the price of a TLS connection, with its handshake and a record of the largest size.
	tlsPrice = 64 << 10
	// bytePrice is the price of a byte that was read, of a long line or of a body in a buffer that grows by doubling.
	bytePrice = 3
	// linePrice is the price of a line of a header: an entry in a map, its strings, and the memory that the map abandons as it grows.
	linePrice = 256
)

const (
	// headerBytes and headerLines bound the header of a request. FastPix and the proxies before the receiver send one or two KiB and some thirty lines.
	headerBytes = 8 << 10
	headerLines = 128
	// headerSlop is how much net/http reads of a header beyond http.Server.MaxHeaderBytes.
	headerSlop = 4 << 10
	// bufferBytes is how much of a connection net/http reads ahead of the request that it serves.
	bufferBytes = 4 << 10
)

// usage is the amount that was read from a connection.
type usage struct {
	// raw are bytes below TLS; plain are those above it. Without TLS they are the same.
	raw, plain int64
	// lines are lines that belong to a header, or may belong to one.
	lines int64
}

func (u *usage) add(v usage) {
	u.raw += v.raw
	u.plain += v.plain
	u.lines += v.lines
}

func (u *usage) cost() int64 { return u.raw*bytePrice + u.lines*linePrice }
