package framework

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// ReadAnswers returns the status codes of all answers until the connection is closed. A reset is no error: a connection is reset when the
// receiver closes it before it has read everything.
func ReadAnswers(r *bufio.Reader) (string, error) {
	var codes []string
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			var netErr net.Error
			if !errors.As(err, &netErr) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return strings.Join(codes, " "), err
			}
			return strings.Join(codes, " "), nil
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		codes = append(codes, fmt.Sprint(resp.StatusCode))
	}
}

// DialReceiver opens a connection to a receiver.
func DialReceiver(ctx context.Context, o *controlplane.Operator) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(o.ReceiverURL, "http://"))
}

// RawPost returns the text of a request that posts a body, with further headers.
func RawPost(path, body, signature string, header ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Length: %d\r\n", path, len(body))
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	if signature != "" {
		fmt.Fprintf(&b, "%s: %s\r\n", controlplane.SignatureHeader, signature)
	}
	return b.String() + "\r\n" + body
}
