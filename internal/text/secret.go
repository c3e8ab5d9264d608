package text

import (
	"regexp"
	"strings"
)

// webToken matches a JSON web token. Code without regular expressions finds the other secrets, because senders decide how long a text is: a regular
// expression takes a third of a second for 1 MiB of text that is nearly a secret.
var webToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*`)

// signedParameters are the names of parameters of signed URLs, in lower case.
var signedParameters = map[string]bool{
	"token": true, "access_token": true, "jwt": true, "sig": true, "signature": true, "key-pair-id": true, "x-goog-signature": true, "x-goog-credential": true,
	"x-goog-security-token": true, "x-amz-signature": true, "x-amz-credential": true, "x-amz-security-token": true, "upload_id": true,
}

// longestParameter is the length of the longest of these names.
const longestParameter = len("x-goog-security-token")

// LooksSecret reports whether a text contains a stream secret, a signed URL or a JSON web token. It is the second protection: the types that hold texts
// have no field for secrets, but a secret may stand in a title. The cheap checks come first, because nearly every text fails them.
func LooksSecret(s string) bool {
	return holdsStreamSecret(s) ||
		strings.Contains(s, "=") && holdsSignedURL(s) ||
		strings.Contains(s, "eyJ") && webToken.MatchString(s)
}

// secretNames are the folded names of fields that hold secrets. A customer may store such a field in metadata, too.
var secretNames = map[string]bool{
	"streamkey": true, "srtsecret": true, "srtsecert": true, "srtplaybacksecret": true, "srtpassphrase": true, "privatekey": true, "signingsecret": true,
	"secret": true, "secretkey": true, "apikey": true, "token": true, "accesstoken": true, "playbacktoken": true, "drmtoken": true, "password": true, "passphrase": true,
	"authorization": true, "signature": true,
}

// IsSecretName reports whether a field of that name holds a secret, in any spelling.
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

// holdsStreamSecret reports whether s contains a text with the form of a stream key, an SRT secret or an SRT playback secret: 32 hex digits, a k and the
// id of the stream, which is 32 hex digits or, in older samples, a UUID.
func holdsStreamSecret(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isHexDigit(c):
			digits++
		case (c == 'k' || c == 'K') && digits >= 32 && beginsWithStreamID(s[i+1:]):
			return true
		default:
			digits = 0
		}
	}
	return false
}

func beginsWithStreamID(s string) bool {
	return hasForm(s, "00000000000000000000000000000000") || hasForm(s, "00000000-0000-0000-0000-000000000000")
}

// hasForm reports whether s begins with a text that has a hex digit where the form has one, and else the same.
func hasForm(s, form string) bool {
	if len(s) < len(form) {
		return false
	}
	for i := range len(form) {
		if form[i] == '0' && !isHexDigit(s[i]) || form[i] != '0' && s[i] != form[i] {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// holdsSignedURL reports whether s holds a parameter of a URL by which whoever knows it has rights.
func holdsSignedURL(s string) bool {
	for i := range len(s) {
		if s[i] != '?' && s[i] != '&' {
			continue
		}
		after := s[i+1:]
		if name, _, ok := strings.Cut(after[:min(len(after), longestParameter+1)], "="); ok && signedParameters[strings.ToLower(name)] {
			return true
		}
	}
	return false
}
