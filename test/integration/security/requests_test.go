package security

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests send every shape of request that is known to confuse servers. A request that is no delivery leaves nothing, and the receiver
// continues to work. docs/security-review.md lists what was tried.

// Answers sends raw bytes, and behind them a request that is answered 405 if the receiver still reads requests. It returns the status
// codes of all answers, in order, until the receiver closes the connection.
func answers(ctx context.Context, request string) (string, error) {
	conn, err := framework.DialReceiver(ctx, framework.Deployed.Receiver)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request+"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	_ = conn.SetReadDeadline(time.Now().Add(framework.PollTimeout))
	return framework.ReadAnswers(bufio.NewReader(conn))
}

func compressed(body string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return b.String()
}

func TestUnauthenticatedRequests(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	pid := framework.Deployed.Receiver.PID()
	path, ns := e.Path(), e.Namespace
	_, asset := framework.NewAsset()
	body := string(asset)
	sign := func(b string) string { return fixtures.Sign(fixtures.SigningSecret, []byte(b)) }
	signature := sign(body)
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	signBy := func(key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(asset)
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	signed := controlplane.SignatureHeader + ": " + signature
	start := "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + signed + "\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunks := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n", len(body), body)
	replace := func(old, with string) string {
		return strings.Replace(framework.RawPost(path, body, signature), old, with, 1)
	}
	deep := `{"type":"video.media.ready","object":{"id":"a"},"data":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`
	wide := `{"type":"video.media.ready","object":{"id":"a"},"data":{` + strings.Repeat(`"a":1,`, 100_000) + `"a":1}}`
	const invalid = "\xff\xfe\x00{}"

	// With 405 at the end the connection stayed open, otherwise the receiver closed it.
	for name, tt := range map[string]struct{ request, want string }{
		"a delivery":                  {framework.RawPost(path, body, signature), "200 405"},
		"the same again, and again":   {strings.Repeat(framework.RawPost(path, body, signature), 3), "200 200 200 405"},
		"other letters of the header": {replace("FastPix-Signature", "fASTPIX-sIGNATURE"), "200 405"},
		"a query":                     {framework.RawPost(path+"?a=b&c=%00", body, signature), "200 405"},
		"an absolute target":          {framework.RawPost("http://evil.example"+path, body, signature), "200 405"},
		"another host":                {replace("Host: hooks.example.com", "Host: evil.example:1"), "200 405"},
		"forwarded headers":           {framework.RawPost(path, body, signature, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: evil.example", "Forwarded: for=127.0.0.1"), "200 405"},
		"another content type":        {framework.RawPost(path, body, signature, "Content-Type: text/html; charset=utf-7"), "200 405"},
		"a hundred headers":           {framework.RawPost(path, body, signature, strings.Repeat("X: a\r\n", 100)+"X: b"), "200 405"},
		"100 wanted":                  {framework.RawPost(path, body, signature, "Expect: 100-continue"), "100 200 405"},
		"an upgrade to HTTP/2":        {framework.RawPost(path, body, signature, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), "200 405"},
		"chunks":                      {start + chunks + "\r\n", "200"},
		"chunks with extensions":      {start + strings.Replace(chunks, "\r\n"+body, ";a=b\r\n"+body, 1) + "\r\n", "200"},
		"chunks with trailers":        {start + chunks + "X: a\r\n\r\n", "200"},
		"HTTP/1.0":                    {replace("HTTP/1.1", "HTTP/1.0"), "200"},

		"signed by another secret":         {framework.RawPost(path, body, fixtures.Sign(framework.OtherSigningSecret, asset)), "401 405"},
		"signed by the text of the secret": {framework.RawPost(path, body, signBy(fixtures.SigningSecret)), "401 405"},
		"signed by nothing":                {framework.RawPost(path, body, signBy("")), "401 405"},
		"unsigned":                         {framework.RawPost(path, body, ""), "401 405"},
		"another body":                     {framework.RawPost(path, body+" ", signature), "401 405"},
		"another letter":                   {framework.RawPost(path, strings.Replace(body, "Created", "created", 1), signature), "401 405"},
		"hex":                              {framework.RawPost(path, body, hex.EncodeToString(raw)), "401 405"},
		"without padding":                  {framework.RawPost(path, body, strings.TrimRight(signature, "=")), "401 405"},
		"more padding":                     {framework.RawPost(path, body, signature+"="), "401 405"},
		"another alphabet":                 {framework.RawPost(path, body, "-"+signature[1:]), "401 405"},
		"upper case":                       {framework.RawPost(path, body, strings.ToUpper(signature)), "401 405"},
		"another encoding of it":           {framework.RawPost(path, body, alternativeEncoding(signature)), "401 405"},
		"a prefix":                         {framework.RawPost(path, body, "sha256="+signature), "401 405"},
		"quotes":                           {framework.RawPost(path, body, `"`+signature+`"`), "401 405"},
		"half of it":                       {framework.RawPost(path, body, signature[:22]), "401 405"},
		"very much of it":                  {framework.RawPost(path, body, strings.Repeat(signature, 100)), "401 405"},
		"a list":                           {framework.RawPost(path, body, signature+", "+signature), "401 405"},
		"twice":                            {framework.RawPost(path, body, signature, signed), "401 405"},
		"folded":                           {framework.RawPost(path, body, signature[:20]+"\r\n "+signature[20:]), "401 405"},
		"in another header":                {framework.RawPost(path, body, "", "FastPix_Signature: "+signature, "X-FastPix-Signature: "+signature), "401 405"},
		"in a trailer": {"POST " + path + " HTTP/1.1\r\nHost: x\r\nTrailer: FastPix-Signature\r\n" +
			chunks + signed + "\r\n\r\n", "401"},
		"of the compressed, as if plain": {framework.RawPost(path, compressed(body), signature, "Content-Encoding: gzip"), "401 405"},
		"{} with a signature":            {framework.RawPost(path, "{}", "x"), "401 405"},

		"compressed":               {framework.RawPost(path, compressed(body), sign(compressed(body)), "Content-Encoding: gzip"), "400 405"},
		"not JSON":                 {framework.RawPost(path, "visitor", sign("visitor")), "400 405"},
		"not text":                 {framework.RawPost(path, invalid, sign(invalid)), "400 405"},
		"a list of events":         {framework.RawPost(path, "["+body+"]", sign("["+body+"]")), "400 405"},
		"two events":               {framework.RawPost(path, body+body, sign(body+body)), "400 405"},
		"deep JSON":                {framework.RawPost(path, deep, sign(deep)), "400 405"},
		"wide JSON":                {framework.RawPost(path, wide, sign(wide)), "200 405"},
		"an unknown type":          {framework.RawPost(path, `{"type":"visitor\r\nforged log line"}`, sign(`{"type":"visitor\r\nforged log line"}`)), "200 405"},
		"an id that is a path":     {framework.RawPost(path, `{"type":"video.media.ready","object":{"id":"../../x"}}`, sign(`{"type":"video.media.ready","object":{"id":"../../x"}}`)), "200 405"},
		"the probe":                {framework.RawPost(path, "{}", ""), "200 405"},
		"the probe, nothing at it": {framework.RawPost(path, "", ""), "200 405"},

		"GET":                  {"GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", "405 405"},
		"HEAD":                 {"HEAD " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405"},
		"small letters":        {replace("POST", "post"), "405 405"},
		"a method of its own":  {replace("POST", "VISITOR"), "405 405"},
		"a method that is sly": {strings.Replace(framework.RawPost(path, body, signature, "X-HTTP-Method-Override: POST"), "POST", "GET", 1), "405 405"},
		"CONNECT":              {"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "405 405"},
		"OPTIONS *":            {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "405 405"},
		"TRACE":                {"TRACE " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", "405 405"},
		"a WebSocket":          {"GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "405 405"},
		"HTTP/2 at once":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405"},
		"POST *":               {framework.RawPost("*", body, signature), "404 405"},

		"no such endpoint":        {framework.RawPost("/webhooks/"+ns+"/visitor", body, signature), "404 405"},
		"no such namespace":       {framework.RawPost("/webhooks/visitor/fastpix", body, signature), "404 405"},
		"two slashes more":        {framework.RawPost(path+"//", body, signature), "404 405"},
		"a slash more in front":   {framework.RawPost("/"+path, body, signature), "404 405"},
		"a slash more between":    {framework.RawPost("/webhooks//"+ns+"/fastpix", body, signature), "404 405"},
		"dots":                    {framework.RawPost("/webhooks/x/../"+ns+"/fastpix", body, signature), "404 405"},
		"escaped dots":            {framework.RawPost("/webhooks/x/%2e%2e/"+ns+"/fastpix", body, signature), "404 405"},
		"an escaped letter":       {framework.RawPost("/webhooks/"+ns+"/%66astpix", body, signature), "404 405"},
		"an escaped slash":        {framework.RawPost("/webhooks/"+ns+"%2ffastpix", body, signature), "404 405"},
		"an escaped zero":         {framework.RawPost(path+"%00", body, signature), "404 405"},
		"a parameter":             {framework.RawPost(path+";a=b", body, signature), "404 405"},
		"a fragment":              {framework.RawPost(path+"#a", body, signature), "404 405"},
		"capitals":                {framework.RawPost("/WEBHOOKS/"+ns+"/fastpix", body, signature), "404 405"},
		"letters of no alphabet":  {framework.RawPost("/webhooks/\xff\xfe/\xc3\xa9", body, signature), "404 405"},
		"a file":                  {framework.RawPost("/etc/passwd", body, signature), "404 405"},
		"the probes of a kubelet": {framework.RawPost("/readyz", body, signature), "404 405"},
		"metrics":                 {framework.RawPost("/metrics", body, signature), "404 405"},
		"a profile":               {framework.RawPost("/debug/pprof/heap", body, signature), "404 405"},

		"a broken escape":           {framework.RawPost(path+"%zz", body, signature), "400"},
		"backslashes":               {framework.RawPost(strings.ReplaceAll(path, "/", `\`), body, signature), "400"},
		"a space in the target":     {framework.RawPost(path+" x", body, signature), "400"},
		"no host":                   {replace("Host: hooks.example.com\r\n", ""), "400"},
		"two hosts":                 {replace("Host:", "Host: a\r\nHost:"), "400"},
		"a host that is none":       {replace("hooks.example.com", "a/b c@d"), "400"},
		"a zero in a header":        {framework.RawPost(path, body, signature, "X: a\x00b"), "400"},
		"a return in a header":      {framework.RawPost(path, body, signature, "X: a\rb"), "400"},
		"a header without a colon":  {framework.RawPost(path, body, signature, "X"), "400"},
		"a header that is a line":   {strings.Replace(framework.RawPost(path, body, signature), "Host", " X: a\r\nHost", 1), "400"},
		"a space before the colon":  {replace("Content-Length:", "Content-Length :"), "400"},
		"two lengths":               {framework.RawPost(path, body, signature, "Content-Length: 1"), "400"},
		"a list of lengths":         {replace(length, strings.TrimSpace(length)+", 1\r\n"), "400"},
		"a length below nothing":    {replace(length, "Content-Length: -1\r\n"), "400"},
		"a length with a sign":      {replace("Content-Length: ", "Content-Length: +"), "400"},
		"a length in hex":           {replace(length, "Content-Length: 0x10\r\n"), "400"},
		"a length beyond counting":  {replace(length, "Content-Length: 99999999999999999999\r\n"), "400"},
		"a length too large":        {replace(length, "Content-Length: 1048577\r\n"), "413"},
		"HTTP/0.9":                  {"POST " + path + "\r\n", "400"},
		"HTTP/3.0":                  {replace("HTTP/1.1", "HTTP/3.0"), "505"},
		"chunks of chunks":          {start + strings.Replace(chunks, "chunked", "chunked, chunked", 1) + "\r\n", "501"},
		"chunks, said twice":        {start + "Transfer-Encoding: chunked\r\n" + chunks + "\r\n", "501"},
		"chunks, misspelt":          {start + strings.Replace(chunks, "chunked", "xchunked", 1) + "\r\n", "501"},
		"chunks, hidden":            {start + strings.Replace(chunks, "chunked", "\x0bchunked", 1) + "\r\n", "400"},
		"chunks and a length":       {start + length + chunks + "\r\n", "200"},
		"a length and chunks":       {start + "Content-Length: 3\r\n" + chunks + "\r\n", "200"},
		"a chunk beyond counting":   {start + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", "503"},
		"a chunk below nothing":     {start + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n", "503"},
		"a chunk without an end":    {start + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "503"},
		"no chunk":                  {start + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "401"},
		"something wanted":          {framework.RawPost(path, body, signature, "Expect: 200-ok"), "417"},
		"a long target":             {framework.RawPost(path+"?"+strings.Repeat("a", 30<<10), body, signature), "431"},
		"a long header":             {framework.RawPost(path, body, signature, "X: "+strings.Repeat("a", 30<<10)), "431"},
		"many headers":              {framework.RawPost(path, body, signature, strings.Repeat("X: a\r\n", 5000)+"X: b"), "431"},
		"TLS":                       {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n", "400"},
		"a request as GET's body":   {"GET / HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + body, "405 405"},
		"a request, no endpoint":    {"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + body, "404 405"},
		"no length at all":          {"POST " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", "200 405"},
		"an event behind no length": {start + "\r\n", "401 405"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := answers(t.Context(), tt.request)
			if err != nil || got != tt.want {
				t.Errorf("answered %q (%v), want %q", got, err, tt.want)
			}
		})
	}
	t.Cleanup(func() { checkNothingLeft(t, e, pid) }) // when all are through
}

// alternativeEncoding returns a text that base64 may decode to the same bytes.
func alternativeEncoding(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, signature[len(signature)-2])
	return signature[:len(signature)-2] + string(alphabet[last^1]) + "="
}

// checkNothingLeft checks that the requests left nothing but signed events.
func checkNothingLeft(t *testing.T, e framework.Endpoint, pid int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(ctx, &assets, client.InNamespace(e.Namespace)); err != nil {
		t.Error(err)
	}
	if n := len(assets.Items); n > 3 { // one of the delivery, and two of unusual JSON
		t.Errorf("%d assets", n)
	}
	if !framework.Deployed.Receiver.Running() || framework.Deployed.Receiver.PID() != pid {
		t.Error("the receiver was restarted")
	}
	leaks, err := framework.Deployed.Leaks(ctx, []string{"visitor"}, framework.Deployed.Receiver)
	if err != nil {
		t.Error(err)
	}
	for _, leak := range leaks {
		if strings.Contains(leak, framework.Deployed.Receiver.Log) || strings.HasPrefix(leak, "metrics of") || strings.HasPrefix(leak, "object /registry/video.fastpix.com/") {
			t.Errorf("an unsigned text is in %s", leak)
		}
	}
}
