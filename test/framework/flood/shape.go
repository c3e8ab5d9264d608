package flood

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Shape is what each client of a flood does with its connection.
type Shape struct {
	Name string
	// TLSOnly says that the shape makes sense only where TLS is spoken; it is done below TLS.
	TLSOnly bool
	// clients is how many connections are kept open at once, perSecond how many are made. Both are limited, as attackers and what is attacked
	// share a machine.
	clients   int
	perSecond float64
	// attack sends what there is to send. The connection then stays open until it is cut off.
	attack func(ctx context.Context, conn net.Conn, path string) error
}

// headerFlood is how much of a header is sent.
const headerFlood = 20_000

// Shapes returns every shape.
func Shapes() []Shape {
	return []Shape{
		{Name: "tiny headers", clients: 1100, perSecond: 800, attack: begin(strings.Repeat("abc:\r\n", headerFlood/6))},
		{Name: "tiny headers that differ", clients: 1100, perSecond: 800, attack: begin(differing())},
		{Name: "tiny headers, byte by byte", clients: 1100, perSecond: 400, attack: drip("POST PATH HTTP/1.1\r\nHost: x\r\n"+differing(), 60, 20*time.Millisecond)},
		{Name: "headers just below the limits", clients: 3000, perSecond: 800, attack: begin(below())},
		{Name: "a megabyte of tiny headers", clients: 100, perSecond: 40, attack: begin(strings.Repeat("abc:\r\n", 1_000_000/6))},
		{Name: "long values", clients: 1100, perSecond: 800, attack: begin("X: " + strings.Repeat("x", headerFlood))},
		{Name: "a long path", clients: 1100, perSecond: 800, attack: write("GET /" + strings.Repeat("%61", headerFlood/3))},
		{Name: "bodies that never come", clients: 1100, perSecond: 800, attack: write(request(fewer(differing())))},
		{Name: "headers just below the limits, and no body", clients: 3000, perSecond: 800, attack: write(request(below()))},
		{Name: "slow bodies", clients: 1100, perSecond: 400, attack: drip(request("")+strings.Repeat(" ", 900_000), 64<<10, 100*time.Millisecond)},
		{Name: "bodies of lines", clients: 300, perSecond: 100, attack: write(request("") + strings.Repeat("\n", 900_000))},
		{Name: "pipelined requests", clients: 1100, perSecond: 800, attack: write(strings.Repeat("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 20) + "GET / HTTP/1.1\r\n" + differing())},
		{Name: "idle", clients: 3000, perSecond: 800, attack: write("")},
		{Name: "half-closed", clients: 3000, perSecond: 800, attack: halfClosed},
		{Name: "handshakes that do not end", TLSOnly: true, clients: 1100, perSecond: 800, attack: write(clientHello)},
		{Name: "records that are announced", TLSOnly: true, clients: 3000, perSecond: 800, attack: write("\x16\x03\x01\x40\x00x")},
	}
}

// clientHello is the beginning of a hello of 64 KiB, in records of the largest size.
var clientHello = func() string {
	hello := "\x01\x00\xff\xff\x03\x03" + strings.Repeat("x", 60<<10)
	var records strings.Builder
	for len(hello) > 0 {
		part := hello[:min(len(hello), 16<<10)]
		hello = hello[len(part):]
		fmt.Fprintf(&records, "\x16\x03\x01%c%c%s", len(part)>>8, len(part)&0xff, part)
	}
	return records.String()
}()

// differing are headers of a few letters each, every one of another name.
func differing() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	for i := 0; b.Len() < headerFlood; i++ {
		b.WriteString(string([]byte{'x', letters[i/len(letters)/len(letters)%len(letters)], letters[i/len(letters)%len(letters)], letters[i%len(letters)]}) + ":\n")
	}
	return b.String()
}

// below are headers that are long and many, and neither too long nor too many.
func below() string {
	lines := strings.Split(differing(), "\n")[:120]
	return strings.Join(lines, strings.Repeat("x", 55)+"\n") + "\n"
}

// fewer cuts headers to what is below every limit.
func fewer(headers string) string { return headers[:strings.LastIndexByte(headers[:7<<10], '\n')+1] }

// request is the header of a delivery of a megabyte with wrong signature; further headers end in a line feed each.
func request(further string) string {
	return "POST PATH HTTP/1.1\r\nHost: x\r\nFastPix-Signature: x\r\nContent-Length: 1000000\r\n" + further + "\r\n"
}

// begin begins the header of a request.
func begin(headers string) func(context.Context, net.Conn, string) error {
	return write("POST PATH HTTP/1.1\r\nHost: x\r\n" + headers)
}

// write sends a text at once, in which PATH stands for the path.
func write(text string) func(context.Context, net.Conn, string) error {
	return func(_ context.Context, conn net.Conn, path string) error {
		_, err := io.WriteString(conn, strings.Replace(text, "PATH", path, 1))
		return err
	}
}

// drip sends a text in pieces.
func drip(text string, size int, pause time.Duration) func(context.Context, net.Conn, string) error {
	return func(ctx context.Context, conn net.Conn, path string) error {
		for rest := strings.Replace(text, "PATH", path, 1); rest != ""; {
			n := min(size, len(rest))
			if _, err := io.WriteString(conn, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}

// halfClosed begins a request and ends its own half of the connection.
func halfClosed(_ context.Context, conn net.Conn, path string) error {
	if _, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		return err
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
