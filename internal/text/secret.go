package text

import (
	"regexp"
	"strings"
)

// Shapes of secrets that have no business in any text. A stream key, an SRT secret and an SRT playback secret are 32 hex digits, a k
// and the id of the stream, which is 32 hex digits or, in older samples, a UUID.
var (
	streamSecret = regexp.MustCompile(`(?i)[0-9a-f]{32}k(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`)
	signedURL    = regexp.MustCompile(`(?i)[?&](?:token|access_token|jwt|sig|signature|key-pair-id|x-goog-signature|x-goog-credential|x-goog-security-token|x-amz-signature|x-amz-credential|x-amz-security-token|upload_id)=`)
	webToken     = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*`)
)

// LooksSecret is the second net behind the types, which have no place for secrets: it finds stream secrets, signed URLs and JSON web tokens in texts where
// they do not belong, such as a title. The cheap questions come first, because nearly no text gets past them.
func LooksSecret(s string) bool {
	return hexBeforeK(s) && streamSecret.MatchString(s) ||
		strings.Contains(s, "=") && signedURL.MatchString(s) ||
		strings.Contains(s, "eyJ") && webToken.MatchString(s)
}

// secretNames are names of fields that hold secrets, folded: a customer who files one in metadata means it no less.
var secretNames = map[string]bool{
	"streamkey": true, "srtsecret": true, "srtsecert": true, "srtplaybacksecret": true, "srtpassphrase": true, "privatekey": true, "signingsecret": true,
	"secret": true, "secretkey": true, "apikey": true, "token": true, "accesstoken": true, "playbacktoken": true, "drmtoken": true, "password": true, "passphrase": true,
	"authorization": true, "signature": true,
}

// IsSecretName reports whether a field of that name holds a secret, in whatever spelling.
func IsSecretName(name string) bool {
	const longest = 32 // more than any of the names has
	folded := make([]byte, 0, longest)
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '-':
			continue
		case c >= 'A' && c <= 'Z':
			folded = append(folded, c+'a'-'A')
		default:
			folded = append(folded, c)
		}
		if len(folded) > longest {
			return false
		}
	}
	return secretNames[string(folded)]
}

// hexBeforeK reports whether s has at least 32 hex digits before a k, as every stream secret does.
func hexBeforeK(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			digits++
		case (c == 'k' || c == 'K') && digits >= 32:
			return true
		default:
			digits = 0
		}
	}
	return false
}
