package metricsguard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// digest is the keyed hash of a token or of the name of a user. The guard keeps neither in memory.
type digest [sha256.Size]byte

// digestKey is the key of digests. It is random and new in each process, so a digest says nothing outside of it.
type digestKey [sha256.Size]byte

func newDigestKey() (k digestKey) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// of returns the digest of a text.
func (k digestKey) of(text string) (d digest) {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(text))
	mac.Sum(d[:0])
	return d
}

// bearerToken returns the token of a request's only Authorization header; empty if it has none. It ignores other headers, unlike the library of the API
// server, which also reads a token from Sec-WebSocket-Protocol.
func bearerToken(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// claimedUser returns the subject that a JSON web token claims, which for a ServiceAccount is the name of the user; empty if the token has another
// form. The claim is not verified: it only says which rate a review counts against.
func claimedUser(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return ""
	}
	return claims.Subject
}
