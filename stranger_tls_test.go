package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fastpix-operator/fastpix-operator/hack/controlplane"
	"github.com/fastpix-operator/fastpix-operator/hack/fixtures"
)

// TestStrangersByTLS attacks a receiver that ends TLS itself: what it agrees to, and shapes of HTTP/2 that servers have been confused by.
func TestStrangersByTLS(t *testing.T) {
	t.Parallel()
	e, r := newEndpoint(t), startReceiver(t, "tls")
	for name, tt := range map[string]struct {
		change func(*tls.Config)
		ok     bool
	}{
		"TLS 1.3":                 {func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
		"TLS 1.2":                 {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		"TLS 1.1":                 {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		"CBC":                     {only(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA), false},
		"no forward secrecy":      {only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384), false},
		"RC4 and 3DES":            {only(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), false},
		"another name":            {func(c *tls.Config) { c.ServerName = "evil.example" }, true},
		"a protocol of no server": {func(c *tls.Config) { c.NextProtos = []string{"stranger\n"} }, false},
	} {
		config := r.tls.Clone()
		config.MinVersion = tls.VersionTLS10
		tt.change(config)
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", r.address)
		if (err == nil) != tt.ok {
			t.Errorf("%s: agreed: %t, want %t (%v)", name, err == nil, tt.ok, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	t.Run("plain", func(t *testing.T) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer, _ := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.0 400 ") {
			t.Errorf("plain HTTP is answered %q", answer)
		}
	})

	t.Run("new certificate", func(t *testing.T) {
		shown := func() (serial string, err error) {
			conn, err := r.dial(t.Context(), "h2")
			if err != nil {
				return "", err
			}
			defer conn.Close()
			return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
		}
		first, err := shown()
		if err != nil {
			t.Fatal(err)
		}
		writeCertificate(t, r.folder)
		eventually(t, "the new certificate is shown, without a restart", func(context.Context) error {
			serial, err := shown()
			if err == nil && serial == first {
				err = fmt.Errorf("it is still %s", serial)
			}
			return err
		})
	})

	_, body := newAsset()
	signature := fixtures.Sign(fixtures.SigningSecret, body)
	path, sig := e.path(), strings.ToLower(controlplane.SignatureHeader)
	signed := func(more ...string) []string { return append([]string{sig, signature}, more...) }
	for name, tt := range map[string]struct {
		method, path string
		more         []string // header fields behind the usual ones
		body         []byte
		trailer      []string
		want         string
	}{
		"a delivery":               {more: signed(), want: "200"},
		"the same again":           {more: signed(), want: "200"},
		"another authority":        {more: signed("host", "evil.example"), want: "200"},
		"signed by another secret": {more: []string{sig, fixtures.Sign(otherSecret, body)}, want: "401"},
		"unsigned":                 {want: "401"},
		"signed twice":             {more: signed(sig, signature), want: "401"},
		"signed in a trailer":      {trailer: []string{sig, signature}, want: "401"},
		"a probe":                  {body: []byte("{}"), want: "200"},
		"GET":                      {method: "GET", more: signed(), want: "405"},
		"an odd method":            {method: "STRANGER", more: signed(), want: "405"},
		"a method that is a line":  {method: "POST /x HTTP/1.1\r\nHost: x", more: signed(), want: "reset"},
		"no such endpoint":         {path: "/webhooks/" + e.namespace + "/stranger", more: signed(), want: "404"},
		"dots":                     {path: "/webhooks/x/../" + e.namespace + "/fastpix", more: signed(), want: "404"},
		"escaped letters":          {path: strings.Replace(path, "fastpix", "%66astpix", 1), more: signed(), want: "404"},
		"no slash":                 {path: path[1:], more: signed(), want: "reset"},
		"a path that is a line":    {path: path + " HTTP/1.1\r\nX: y", more: signed(), want: "reset"},
		"a path twice":             {more: signed(":path", "/x"), want: "reset"},
		"an unknown pseudo-header": {more: signed(":stranger", "x"), want: "reset"},
		"chunks":                   {more: signed("transfer-encoding", "chunked"), want: "400"},
		"a connection's header":    {more: signed("connection", "keep-alive"), want: "400"},
		"a header that is a line":  {more: signed("x", "a\r\nfastpix-signature: b"), want: "reset"},
		"capitals":                 {more: signed("X-Stranger", "y"), want: "reset"},
		"a length too short":       {more: signed("content-length", "3"), want: "reset"},
		"a length too long":        {more: signed("content-length", "100000"), want: "503"},
		"two lengths":              {more: signed("content-length", "3", "content-length", "4"), want: "reset"},
		"a length that is text":    {more: signed("content-length", "+3"), want: "reset"},
		"too large":                {more: signed("content-length", "1048577"), want: "413"},
		"a long header":            {more: signed("x", strings.Repeat("a", 17<<10)), want: "reset"},
		"many headers":             {more: signed(strings.Split(strings.TrimSuffix(strings.Repeat("x,y,", 2000), ","), ",")...), want: "431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, to := tt.method, tt.path
			if method == "" {
				method = "POST"
			}
			if to == "" {
				to = path
			}
			if tt.body == nil {
				tt.body = body
			}
			got, err := r.request2(t.Context(), encode(method, to, tt.more...), tt.body, encodeFields(tt.trailer...))
			if got != tt.want {
				t.Errorf("answered %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func only(suites ...uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suites }
}

// request2 sends one request on an HTTP/2 connection of its own, and returns the answer's status code, or "reset" if the receiver took
// the stream or the connection away.
func (r *receiver) request2(ctx context.Context, header, body, trailer []byte) (string, error) {
	conn, err := r.dial(ctx, "h2")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(pollTimeout))
	f, err := startHTTP2(conn)
	if err != nil {
		return "", err
	}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for rest, first := header, true; len(rest) > 0; first = false {
		part := rest[:min(len(rest), 16<<10)]
		rest = rest[len(part):]
		if first {
			err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: part, EndHeaders: len(rest) == 0})
		} else {
			err = f.WriteContinuation(1, len(rest) == 0, part)
		}
		if err != nil {
			return "reset", err
		}
	}
	_ = f.WriteData(1, len(trailer) == 0, body) // it may not be wanted any more
	if len(trailer) > 0 {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: trailer, EndHeaders: true, EndStream: true})
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "reset", fmt.Errorf("the connection: %w", err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status"), nil
		case *http2.RSTStreamFrame:
			return "reset", fmt.Errorf("the stream: %v", frame.ErrCode)
		case *http2.GoAwayFrame:
			return "reset", fmt.Errorf("the connection: %v", frame.ErrCode)
		}
	}
}
