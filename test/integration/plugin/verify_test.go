package plugin

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// file writes a file that the plugin reads, and returns its name.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// signedBody returns a body as FastPix sends it, and its signature.
func signedBody(t *testing.T) ([]byte, string) {
	t.Helper()
	var body bytes.Buffer
	if err := json.Compact(&body, fixtures.Payload("video.media.ready.json")); err != nil {
		t.Fatal(err)
	}
	return body.Bytes(), framework.Sign(body.Bytes())
}

// createOther creates another endpoint in a namespace, with a signing secret of its own.
func createOther(t *testing.T, namespace, secret string) {
	t.Helper()
	s := framework.SigningSecretOf(secret)
	s.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "other-secret"}
	framework.Create(t, s)
	e := framework.MakeEndpoint(namespace, "other")
	e.Spec.SigningSecrets[0].Name = s.Name
	framework.Create(t, e)
}

// TestVerifyNamesEachMistake protects people who see 401: the plugin names the mistake of a delivery, with the secrets of the endpoint, and exits with 3.
func TestVerifyNamesEachMistake(t *testing.T) {
	t.Parallel()
	right := framework.NewEndpointWith(t, framework.SigningSecretOf(fixtures.SigningSecret)).Namespace
	twice := framework.NewEndpointWith(t, framework.SigningSecretOf(base64.StdEncoding.EncodeToString([]byte(fixtures.SigningSecret)))).Namespace
	opaque := framework.NewEndpointWith(t, &corev1.Secret{Type: corev1.SecretTypeOpaque, StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: fixtures.SigningSecret}}).Namespace
	wrong := framework.NewEndpointWith(t, framework.SigningSecretOf(framework.OtherSigningSecret)).Namespace
	createOther(t, wrong, fixtures.SigningSecret)
	body, signed := signedBody(t)
	mac, err := base64.StdEncoding.DecodeString(signed)
	if err != nil {
		t.Fatal(err)
	}
	var sorted any
	if err := json.Unmarshal(body, &sorted); err != nil {
		t.Fatal(err)
	}
	remarshalled, err := json.MarshalIndent(sorted, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		namespace string // right by default
		body      []byte // body by default
		headers   []string
		want      string
	}{
		"nothing":                {headers: []string{signed}, want: "The signature is right"},
		"a body written again":   {body: remarshalled, headers: []string{signed}, want: "BodyReencoded: The JSON of the body was read and written again on its way, which changed white space and the order of names."},
		"a line break":           {body: append(bytes.Clone(body), '\n'), headers: []string{signed}, want: "NewlineAdded: "},
		"encoded twice":          {namespace: twice, headers: []string{signed}, want: "SecretEncodedTwice: "},
		"another webhook's":      {namespace: wrong, headers: []string{signed}, want: "OtherSecret: The delivery is signed with the signing secret of endpoint other (Secret " + wrong + "/other-secret, key signing-secret)"},
		"a Secret's type":        {namespace: opaque, headers: []string{signed}, want: "its type is \"Opaque\" and not \"video.fastpix.com/signing-secret\"."},
		"a header's name":        {headers: []string{"X-Fastpix-Sig: " + signed}, want: `HeaderName: The signature is right, but it came in the header "X-Fastpix-Sig".`},
		"a header twice":         {headers: []string{signed, signed}, want: "SignatureRepeated: "},
		"no header":              {want: "SignatureMissing: "},
		"hexadecimal digits":     {headers: []string{hex.EncodeToString(mac)}, want: "SignatureHex: "},
		"white space":            {headers: []string{signed + " "}, want: "SignatureQuoted: "},
		"neither of the secrets": {headers: []string{fixtures.Sign("dW5rbm93bi1zaWduaW5nLXNlY3JldC1vZi0zMi1ieXRlcw==", body)}, want: "Unknown: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.namespace == "" {
				c.namespace = right
			}
			if c.body == nil {
				c.body = body
			}
			args := []string{"verify", "-n", c.namespace, "--endpoint", "fastpix", "--file", "-"}
			for _, h := range c.headers {
				args = append(args, "--signature", h)
			}
			got := call{input: string(c.body), args: args}.run(t)
			if wantCode := map[bool]int{true: 0, false: 3}[name == "nothing"]; got.code != wantCode || !strings.Contains(got.out, c.want) {
				t.Errorf("exits with %d, want %d and %q:\n%s%s", got.code, wantCode, c.want, got.out, got.problem)
			}
			if strings.Contains(got.out+got.problem, fixtures.SigningSecret[:20]) {
				t.Errorf("prints a secret:\n%s%s", got.out, got.problem)
			}
		})
	}
}

// TestVerifyWithAFileAsksNoAPIServer protects people who have a body and a secret, and no rights.
func TestVerifyWithAFileAsksNoAPIServer(t *testing.T) {
	t.Parallel()
	body, signed := signedBody(t)
	secret := file(t, []byte(fixtures.SigningSecret+"\n"))
	args := []string{"verify", "--file", file(t, body), "--signature", signed, "--signing-secret-file", secret, "--server", "https://127.0.0.1:1"}
	got := call{args: args}.run(t)
	if got.code != 0 || !strings.Contains(got.out, "video.media.ready about MediaAsset "+fixtures.MediaA) {
		t.Errorf("exits with %d:\n%s%s", got.code, got.out, got.problem)
	}
	got = call{args: append(args, "--signature", signed, "-o", "jsonpath={.verified} {.certain} {.mistakes[*].name} {.fingerprint}")}.run(t)
	if !strings.HasPrefix(got.out, "false true SignatureRepeated ") || got.code != 3 {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	for _, wrong := range [][]string{
		{"verify", "--file", "-"}, {"verify", "--file", "-", "--signing-secret-file", "-"}, {"verify", "--file", "-", "--endpoint", "a", "--signing-secret-file", "b"},
	} {
		if got := run(t, wrong...); got.code != 2 {
			t.Errorf("%v exits with %d: %s", wrong, got.code, got.problem)
		}
	}
}

// TestVerifySaysWhichRightIsMissing protects users with few rights.
func TestVerifySaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	createOther(t, e.Namespace, framework.OtherSigningSecret)
	body, signed := signedBody(t)
	args := []string{"verify", "-n", e.Namespace, "--endpoint", "fastpix", "--file", file(t, body), "--signature", signed}
	wantMissingRight(t, e.Namespace, "get webhookendpoints.video.fastpix.com in namespace "+e.Namespace, args...)

	endpoints := rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints"}, Verbs: []string{"get"}}
	got := call{kubeconfig: user(t, e.Namespace, endpoints), args: args}.run(t)
	if got.code != 4 || !strings.Contains(got.problem, "you need the right to get secrets in namespace "+e.Namespace) {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}

	// With the least rights the delivery is verified. What the user may not read is named, and is no error.
	own := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"signing-secret"}, Verbs: []string{"get"}}
	if got := (call{kubeconfig: user(t, e.Namespace, endpoints, own), args: args}).run(t); got.code != 0 {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	args[len(args)-1] = fixtures.Sign(framework.OtherSigningSecret, body)
	got = call{kubeconfig: user(t, e.Namespace, endpoints, own), args: args}.run(t)
	if got.code != 3 || !strings.Contains(got.problem, "note: the signing secrets of other endpoints were not tried: you may not read them") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
}
