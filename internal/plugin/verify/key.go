package verify

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// candidateKey is a key that may have signed the delivery, and the mistake that this means.
type candidateKey struct {
	key     signature.Key
	name    string
	mistake Mistake
}

// keysOf returns the keys that the secrets may stand for, those without a mistake first.
func keysOf(secrets []Secret) []candidateKey {
	var right, wrong []candidateKey
	for _, s := range secrets {
		mistake := none
		switch {
		case s.Other:
			mistake = secretOf(s.Name)
		case s.Problem != nil:
			mistake = secretUnusable(s.Name, s.Problem)
		}
		if key, err := signature.ParseKey(s.Text); err == nil {
			right = append(right, candidateKey{key, s.Name, mistake})
		}
		if !s.Other {
			wrong = append(wrong, mistakenKeys(s)...)
		}
	}
	return append(right, wrong...)
}

// mistakenKeys returns the keys that a secret stands for if it is stored or used in a wrong way.
func mistakenKeys(s Secret) []candidateKey {
	var keys []candidateKey
	add := func(text []byte, m Mistake) {
		if key, err := signature.ParseKey(text); err == nil {
			keys = append(keys, candidateKey{key, s.Name, m})
		}
	}
	encoded := func(raw []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(raw)) }
	text := bytes.TrimSpace(s.Text)
	if _, err := signature.ParseKey(text); err == nil {
		decoded, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(text), "="))
		add(decoded, secretEncodedTwice)
		add(encoded(text), secretAsText)
		return keys
	}
	clean := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", `"`, "", "'", "", "`", "").Replace(string(text))
	add([]byte(clean), secretQuoted)
	add([]byte(strings.NewReplacer("-", "+", "_", "/").Replace(clean)), secretAlphabet)
	add(encoded(s.Text), secretDecoded)
	add(encoded(text), secretDecoded)
	return keys
}
