package fastpixapi

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// maxCredentialBytes is far above the length of a token id and of a secret key, which are UUIDs.
const maxCredentialBytes = 512

// Credentials are one access token of a FastPix workspace. They never print themselves, whatever prints them.
type Credentials struct {
	tokenID, secretKey string
}

// The errors of NewCredentials. They say nothing of what the credentials are.
var (
	errEmptyCredential   = errors.New("is empty: store the value that the dashboard shows under Access Tokens")
	errLongCredential    = errors.New("is too long: store one value and nothing else")
	errCredentialSymbols = errors.New("has a character that no access token has, such as a space within it: store the value as the dashboard shows it, encoded to base64 at most once")
)

// NewCredentials returns credentials from the two values of an access token. It removes white space around them, because people paste it along.
// The error names the value, says what is wrong and what to do, and never quotes the value.
func NewCredentials(tokenID, secretKey []byte) (Credentials, error) {
	id, err := credential(tokenID)
	if err != nil {
		return Credentials{}, fmt.Errorf("the token id %w", err)
	}
	if bytes.ContainsRune(id, ':') { // a colon separates it from the secret key
		return Credentials{}, fmt.Errorf("the token id %w", errCredentialSymbols)
	}
	key, err := credential(secretKey)
	if err != nil {
		return Credentials{}, fmt.Errorf("the secret key %w", err)
	}
	return Credentials{tokenID: string(id), secretKey: string(key)}, nil
}

func credential(value []byte) ([]byte, error) {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0:
		return nil, errEmptyCredential
	case len(value) > maxCredentialBytes:
		return nil, errLongCredential
	}
	for _, c := range value {
		if c <= ' ' || c >= 0x7f {
			return nil, errCredentialSymbols
		}
	}
	return value, nil
}

// digest identifies credentials within this process.
func (c Credentials) digest() [sha256.Size]byte {
	return sha256.Sum256([]byte(c.tokenID + ":" + c.secretKey))
}

const redacted = "[credentials]"

// Format implements fmt.Formatter for every verb.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (Credentials) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, which JSON and loggers use.
func (Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }
