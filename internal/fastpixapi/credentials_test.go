// These tests protect the credentials: what is accepted as such, and that they never print themselves.
package fastpixapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestCredentialsAreTrimmedAndChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id, key string
		want    string // part of the error
	}{
		"as they are":           {id: tokenID, key: secretKey},
		"pasted with space":     {id: "  " + tokenID + "\r\n", key: "\t" + secretKey + "\n\n"},
		"no token id":           {key: secretKey, want: "the token id is empty"},
		"only a line break":     {id: tokenID, key: "\n", want: "the secret key is empty"},
		"two lines":             {id: tokenID, key: secretKey + "\n" + secretKey, want: "the secret key has a character"},
		"a colon":               {id: tokenID + ":" + secretKey, key: secretKey, want: "the token id has a character"},
		"not ASCII":             {id: tokenID, key: "schlüssel", want: "the secret key has a character"},
		"much too long":         {id: tokenID, key: strings.Repeat("a", 600), want: "the secret key is too long"},
		"a secret with a colon": {id: tokenID, key: "a:b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := NewCredentials([]byte(test.id), []byte(test.key))
			if test.want == "" {
				if err != nil || c.tokenID != strings.TrimSpace(test.id) || c.secretKey != strings.TrimSpace(test.key) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || c != (Credentials{}) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			checkNoCredentials(t, err.Error())
		})
	}
}

func TestCredentialsDoNotPrintThemselves(t *testing.T) {
	t.Parallel()
	c := credentials(t)
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&b, verb+verb, c, &c)
		_, _ = fmt.Fprintf(&b, verb, struct{ C Credentials }{c})
	}
	if err := json.NewEncoder(&b).Encode(map[string]any{"c": c}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("", "c", c)
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "c", c)
	checkNoCredentials(t, b.String())
	if n := strings.Count(b.String(), redacted); n < 20 {
		t.Errorf("only %d of the texts show that credentials were left out: %s", n, b.String())
	}
}
