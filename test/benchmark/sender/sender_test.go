// This test protects the latencies of webhooks that are sent at a fixed rate: none is sent early, and each is answered.
package sender

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

func TestPacedRequestsAreNotSentEarly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	const pause = 5 * time.Millisecond
	requests := slices.Repeat([][]byte{[]byte("POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n")}, 10)
	result, err := SendPaced(t.Context(), server.URL, requests, 3, pause)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Latencies) != len(requests) {
		t.Errorf("%d of %d requests were answered", len(result.Latencies), len(requests))
	}
	for i, at := range result.Sent {
		if early := result.First.Add(time.Duration(i) * pause).Sub(at); early > 0 {
			t.Errorf("request %d was sent %v early", i, early)
		}
	}
}
