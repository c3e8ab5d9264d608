package check

import (
	"context"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestChecksFailUnlessTheStatusIsRight protects users of helm test from a test that passes although the operator does not answer, and from one that
// fails because a pod is not ready yet.
func TestChecksFailUnlessTheStatusIsRight(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/later" && requests.Add(1) < 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	plain, encrypted := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	for name, tt := range map[string]struct {
		check, want string // want is in the error; empty if the check succeeds
	}{
		"the expected status":            {"401=" + plain.URL + "/metrics", ""},
		"a certificate of its own":       {"401=" + encrypted.URL + "/metrics", ""},
		"the expected status, but later": {"401=" + plain.URL + "/later", ""},
		"a redirect is not followed":     {"302=" + plain.URL + "/moved", ""},
		"another status":                 {"200=" + plain.URL, "status 401, want 200"},
		"nobody listens":                 {"200=http://127.0.0.1:1/", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list List
			if err := list.Set(tt.check); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err := list.Run(ctx)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestFlag checks what the flag accepts. Kubernetes sets the IPv6 address of a Service in a variable without brackets.
func TestFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"405=http://10.0.0.1:80/webhooks":   "405=http://10.0.0.1:80/webhooks",
		"401=https://fd00::1:8443/metrics":  "401=https://[fd00::1]:8443/metrics",
		"401=https://[fd00::1]:443/metrics": "401=https://[fd00::1]:443/metrics",
		"200=http://host/a=b":               "200=http://host/a=b",
		"http://host/":                      "",
		"99=http://host/":                   "",
		"200=host":                          "",
		"200=file:///etc/passwd":            "",
		"200=http://$(HOST):$(PORT)/":       "",
	} {
		var list List
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.SetOutput(&strings.Builder{})
		fs.Var(&list, "check", "")
		if err := fs.Parse([]string{"--check=" + text}); (err == nil) != (want != "") || list.String() != want {
			t.Errorf("%s: %q, %v, want %q", text, list.String(), err, want)
		}
	}
}

// TestIPv6 checks a request to an address without brackets.
func TestIPv6(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skip(err) // a machine without IPv6
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Listener = listener
	server.Start()
	defer server.Close()
	var list List
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Set("404=http://::1:" + port + "/"); err != nil {
		t.Fatal(err)
	}
	if err := list.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
