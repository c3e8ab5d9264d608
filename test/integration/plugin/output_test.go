package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// name is a line of -o name.
var name = regexp.MustCompile(`^[a-z]+(\.[a-z0-9.]+)?/[a-z0-9.-]+$`)

// TestEveryFormatIsPrinted protects scripts: each command prints JSON, YAML, names, wide tables and tables without headers, and refuses other formats before it
// does something.
func TestEveryFormatIsPrinted(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	id := e.MirrorAsset(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: "none"}}
	})
	body, signed := signedBody(t)
	secret := file(t, []byte(fixtures.SigningSecret))
	for command, c := range map[string]struct {
		args    []string
		header  string // a word of the table's first line; empty if people read something else than a table
		unnamed bool   // there are no objects to name
	}{
		"create":   {args: []string{"create", "endpoint", "other", "--dry-run=client"}},
		"doctor":   {args: []string{"doctor", "--probe=false"}, header: "RESULT", unnamed: true},
		"events":   {args: []string{"events", "ma/" + id}, header: "TYPE"},
		"explain":  {args: []string{"explain", "ma/" + id}, header: "FIELD"},
		"failed":   {args: []string{"failed"}},
		"simulate": {args: []string{"simulate", "video.media.ready", "--yes", "--url", framework.Deployed.Receiver.ReceiverURL}, header: "ANSWER"},
		"status":   {args: []string{"status"}, header: "LAST EVENT"},
		"sync":     {args: []string{"sync", "fastpix"}},
		"tree":     {args: []string{"tree"}},
		"verify":   {args: []string{"verify", "--file", file(t, body), "--signature", signed, "--signing-secret-file", secret}, unnamed: true},
		"version":  {args: []string{"version"}, header: "COMPONENT", unnamed: true},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			with := func(flags ...string) result {
				return run(t, slices.Concat(c.args, []string{"-n", e.Namespace}, flags)...)
			}
			table := with()
			for _, format := range []string{"json", "yaml"} {
				got := with("-o", format)
				if err := wantKinds(format, got.out); err != nil || got.code != table.code {
					t.Errorf("-o %s exits with %d: %v\n%s%s", format, got.code, err, got.out, got.problem)
				}
			}
			names := with("-o", "name")
			if wantCode := map[bool]int{true: 2, false: table.code}[c.unnamed]; names.code != wantCode {
				t.Errorf("-o name exits with %d, want %d: %s%s", names.code, wantCode, names.out, names.problem)
			}
			for line := range strings.Lines(names.out) {
				if !name.MatchString(strings.TrimSpace(line)) {
					t.Errorf("-o name prints %q", line)
				}
			}
			if wide := with("-o", "wide"); wide.code != table.code || !strings.Contains(wide.out, c.header) {
				t.Errorf("-o wide exits with %d:\n%s%s", wide.code, wide.out, wide.problem)
			}
			if bare := with("--no-headers"); bare.code != table.code || c.header != "" && (strings.Contains(bare.out, c.header) || !strings.Contains(table.out, c.header)) {
				t.Errorf("--no-headers exits with %d:\n%s%s", bare.code, bare.out, bare.problem)
			}
			if wrong := with("-o", "nonsense"); wrong.code != 2 || wrong.out != "" {
				t.Errorf("-o nonsense exits with %d: %s%s", wrong.code, wrong.out, wrong.problem)
			}
		})
	}
}

// wantKinds returns an error unless a text consists of objects with a kind.
func wantKinds(format, text string) error {
	decoder := interface{ Decode(any) error }(json.NewDecoder(strings.NewReader(text)))
	if format == "yaml" {
		decoder = yaml.NewYAMLToJSONDecoder(strings.NewReader(text))
	}
	for count := 0; ; count++ {
		var object struct{ APIVersion, Kind string }
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF) && count > 0:
			return nil
		case err != nil:
			return err
		case object.APIVersion == "" || object.Kind == "":
			return fmt.Errorf("object %d is %+v", count, object)
		}
	}
}

// TestTextOfOthersIsEscaped protects terminals from a server that answers with a sequence that clears the screen.
func TestTextOfOthersIsEscaped(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(c, "HTTP/1.1 500 \x1b[2J\u009b2Jcleared\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = c.Close()
		}
	}()
	got := run(t, "simulate", "video.media.ready", "-n", e.Namespace, "--url", "http://user:password@"+listener.Addr().String())
	if got.code != 1 || !strings.Contains(got.problem, "cleared") || strings.ContainsAny(got.problem, "\x1b\u009b") || strings.Contains(got.problem, "password") {
		t.Errorf("it exits with %d and prints %q", got.code, got.problem)
	}
}

// TestCompletion protects those who press Tab: commands complete names, types, formats and namespaces.
func TestCompletion(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	id := e.MirrorAsset(t)
	for want, args := range map[string][]string{
		"fastpix\n":                  {"status", "-n", e.Namespace, ""},
		"ma/" + id + "\n":            {"explain", "-n", e.Namespace, "ma/"},
		"livestream/\n":              {"events", "-n", e.Namespace, ""},
		"video.media.ready\t":        {"simulate", "video.media.r"},
		"yaml\n":                     {"status", "-o", ""},
		"wide\n":                     {"tree", "-o", ""},
		"client\n":                   {"create", "endpoint", "fastpix", "--dry-run", ""},
		e.Namespace + "\n":           {"tree", "-n", ""},
		"retry\tRetry failed events": {"failed", ""},
	} {
		framework.Eventually(t, fmt.Sprintf("%q is completed", args), func(context.Context) error { // a busy machine may take longer than a completion may
			if got := run(t, append([]string{"__complete"}, args...)...); got.code != 0 || !strings.Contains(got.out, want) {
				return fmt.Errorf("it is completed to\n%s%s", got.out, got.problem)
			}
			return nil
		})
	}
}
