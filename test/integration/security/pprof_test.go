package security

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// TestProfilesAreServedOnLoopbackOnly protects Go's profiles, which have no authentication: they are served only at a loopback address that a flag
// names, and on no other port.
func TestProfilesAreServedOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	o := framework.NewReceiver(t, "receiver-pprof", "--pprof-bind-address="+address)
	get := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]string{
		"heap?debug=1":         "heap profile:",
		"goroutine?debug=1":    "goroutine profile:",
		"heap":                 "\x1f\x8b", // a compressed profile
		"profile?seconds=1":    "\x1f\x8b",
		"allocs?debug=1":       "heap profile:",
		"threadcreate?debug=1": "threadcreate profile:",
	} {
		if code, body := get("http://" + address + "/debug/pprof/" + path); code != http.StatusOK || !strings.HasPrefix(body, want) {
			t.Errorf("%s: answer %d begins with %.20q, want %q", path, code, body, want)
		}
	}
	for _, url := range []string{o.ProbeURL, o.ReceiverURL} {
		if code, _ := get(url + "/debug/pprof/heap"); code == http.StatusOK {
			t.Errorf("%s serves profiles: answer %d", url, code)
		}
	}

	out, err := exec.CommandContext(t.Context(), framework.Deployed.Receiver.Path, "--pprof-bind-address=0.0.0.0:6060").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is not a loopback address") {
		t.Errorf("a process that would serve profiles to everyone says (%v):\n%s", err, out)
	}
}
