package connlimit

// What a connection is charged for, in bytes of resident memory. docs/adr/0020 says how they were measured.
const (
	// plainPrice is for a connection: its goroutine, net/http's buffers, and what the kernel keeps of its socket.
	plainPrice = 24 << 10
	// tlsPrice is for a connection by TLS, with its handshake and a record of the largest size.
	tlsPrice = 64 << 10
	// bytePrice is for a byte that was read: of a long line, or of a body in a buffer that grows by doubling.
	bytePrice = 3
	// linePrice is for a line of a header: an entry in a map, its strings, and what the map leaves behind as it grows.
	linePrice = 256
)

const (
	// headerBytes and headerLines bound the header of a request. FastPix and the proxies before the receiver fill one or two KiB and some
	// thirty lines.
	headerBytes = 8 << 10
	headerLines = 128
	// headerSlop is what net/http reads of a header beyond http.Server.MaxHeaderBytes.
	headerSlop = 4 << 10
	// bufferBytes is how much of a connection net/http reads ahead of the request that it serves.
	bufferBytes = 4 << 10
)

// usage is what was read from a connection.
type usage struct {
	// raw are bytes below TLS; plain are those above it. Without TLS they are the same.
	raw, plain int64
	// lines are those of a header, or those that may be of one.
	lines int64
}

func (u *usage) add(v usage) {
	u.raw += v.raw
	u.plain += v.plain
	u.lines += v.lines
}

func (u *usage) cost() int64 { return u.raw*bytePrice + u.lines*linePrice }
