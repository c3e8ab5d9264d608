package text

import (
	"strings"
)

// signedParameters are the names of parameters of signed URLs, in lower case.
var signedParameters = map[string]bool{
	"token": true, "access_token": true, "jwt": true, "sig": true, "signature": true, "key-pair-id": true, "x-goog-signature": true, "x-goog-credential": true,
	"x-goog-security-token": true, "x-amz-signature": true, "x-amz-credential": true, "x-amz-security-token": true, "upload_id": true,
}

// longestParameter is the length of the longest of these names.
const longestParameter = len("x-goog-security-token")

// minTokenPart is the least length of a part of a JSON web token, without the prefix eyJ of the first part.
const minTokenPart = 5

// LooksSecret reports whether a text contains a stream secret, a signed URL or a JSON web token. It is the second protection: the types that hold texts
// have no field for secrets, but a secret may stand in a title. It uses no regular expression, because senders decide how long a text is: a regular
// expression takes a third of a second for 1 MiB of text that is nearly a secret. The cheap checks come first, because nearly every text fails them.
func LooksSecret(s string) bool {
	return holdsStreamSecret(s) ||
		strings.Contains(s, "=") && holdsSignedURL(s) ||
		strings.Contains(s, "eyJ") && holdsWebToken(s)
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

// holdsSignedURL reports whether s contains a parameter of a signed URL. Each holder of such a URL has rights.
func holdsSignedURL(s string) bool {
	start := -1 // where the name of a parameter begins
	for i := range len(s) {
		switch s[i] {
		case '?', '&':
			start = i + 1
		case '=':
			if start >= 0 && i-start <= longestParameter && signedParameters[strings.ToLower(s[start:i])] {
				return true
			}
			start = -1
		}
	}
	return false
}

// holdsWebToken reports whether s holds a JSON web token: eyJ and at least five more characters, a dot, at least five characters, a dot.
func holdsWebToken(s string) bool {
	start, header, afterHeader := 0, -1, false // of the part: where it begins, where eyJ is in it, whether the part before may begin a token
	for i := range len(s) {
		switch c := s[i]; {
		case isTokenCharacter(c):
			if header < 0 && c == 'J' && i-start >= 2 && s[i-2:i] == "ey" {
				header = i - 2
			}
		case c == '.':
			if afterHeader && i-start >= minTokenPart {
				return true
			}
			afterHeader = header >= 0 && i-header >= len("eyJ")+minTokenPart
			start, header = i+1, -1
		default:
			start, header, afterHeader = i+1, -1, false
		}
	}
	return false
}

func isTokenCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
