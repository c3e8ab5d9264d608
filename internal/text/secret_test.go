package text

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestSecretsAreFoundAsRegularExpressionsFindThem compares the hand-written search for secrets with regular expressions.
func TestSecretsAreFoundAsRegularExpressionsFindThem(t *testing.T) {
	for name, tt := range map[string]struct {
		holds  func(string) bool
		shape  string
		pieces []string
	}{
		"stream secrets": {
			holdsStreamSecret, `(?i)[0-9a-f]{32}k(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`, []string{
				"k", "K", "-", "0", "F", "g", "é", "\xff", "0123", "0123456789abcdef0123456789ABCDE", "0123456789abcdef0123456789ABCDEF",
				"01234567-0123-0123-0123-0123456789ab", "01234567-0123-0123-0123-0123456789a", "01234567_0123-0123-0123-0123456789ab",
			},
		},
		"signed URLs": {
			holdsSignedURL, `(?i)[?&](?:token|access_token|jwt|sig|signature|key-pair-id|x-goog-signature|x-goog-credential|x-goog-security-token|` +
				`x-amz-signature|x-amz-credential|x-amz-security-token|upload_id)=`, []string{
				"?", "&", "=", "token", "Access_Token", "jwt", "sig", "SIGNATURE", "Key-Pair-Id", "X-Goog-Signature", "x-goog-credential",
				"x-goog-security-token", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "upload_id", "a", "é", "\xff",
			},
		},
		"web tokens": {
			holdsWebToken, `eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*`, []string{
				"eyJ", "ey", "J", ".", ".", "abcd", "aZ09_", "-", "é", "\xff", " ", "eyJhbGci.", "abcde.",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			shape, random, found := regexp.MustCompile(tt.shape), rand.New(rand.NewPCG(1, 2)), 0
			for range 20_000 {
				var s strings.Builder
				for range random.IntN(8) {
					s.WriteString(tt.pieces[random.IntN(len(tt.pieces))])
				}
				want := shape.MatchString(s.String())
				if got := tt.holds(s.String()); got != want {
					t.Fatalf("%q holds one: %t, want %t", s.String(), got, want)
				}
				if want {
					found++
				}
			}
			if found < 100 {
				t.Errorf("only %d texts held one", found)
			}
		})
	}
}

// BenchmarkNearlySecret reads texts of 1 MiB that are nearly secrets.
func BenchmarkNearlySecret(b *testing.B) {
	for name, piece := range map[string]string{
		"hex digits": "0123456789", "stream secrets": strings.Repeat("a", 32) + "k" + strings.Repeat("a", 31) + "-", "parameters": "&A=",
		"web tokens": "eyJ", "parts of web tokens": "eyJaaaaa.a.",
	} {
		b.Run(name, func(b *testing.B) {
			s := strings.Repeat(piece, 1<<20/len(piece))
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				if LooksSecret(s) {
					b.Fatal("it is a secret")
				}
			}
		})
	}
}
