package text

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns a text without invisible characters, and whether the text may be stored. It may not if it looks like a secret or if only invisible
// characters were in it. Safe returns its own result unchanged.
func Safe(s string) (safe string, ok bool) {
	safe = Visible(s)
	if LooksSecret(safe) || safe == "" && s != "" {
		return "", false
	}
	return safe, true
}

// SafeKey is Safe for a key of a customer's metadata, which must not be empty or be the name of a secret.
func SafeKey(s string) (safe string, ok bool) {
	safe, ok = Safe(s)
	return safe, ok && safe != "" && !IsSecretName(safe)
}

// Visible drops characters that a text does not need and that terminals, logs and browsers interpret or hide: control characters other than tab and
// line feed, line and paragraph separators, and format characters, such as those that change the direction of text. Two kinds of format characters
// stay: joiners between two characters that are not ASCII, because Persian, Indic scripts and emoji need them, and visible marks, such as the Arabic
// number sign.
func Visible(s string) string {
	if isPlain(s) {
		return s
	}
	kept := make([]byte, 0, len(s))
	before := rune(0)
	for i, c := range s {
		width := utf8.RuneLen(c)
		if c == utf8.RuneError {
			_, width = utf8.DecodeRuneInString(s[i:])
		}
		if IsInvisible(c) && (!isJoiner(c) || !mayJoin(before) || !mayJoin(first(s[i+width:]))) {
			continue
		}
		kept = utf8.AppendRune(kept, c)
		before = c
	}
	return string(kept)
}

// IsInvisible reports whether a character is one that Visible may drop.
func IsInvisible(c rune) bool {
	switch {
	case c == '\t' || c == '\n':
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, c):
		return false
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c == 0x7f || c < ' ' && c != '\t' && c != '\n' {
			return false
		}
	}
	return true
}

func isJoiner(c rune) bool { return c == '\u200c' || c == '\u200d' }

// mayJoin reports whether a joiner beside a character is kept.
func mayJoin(c rune) bool {
	return c >= utf8.RuneSelf && c != utf8.RuneError && !unicode.IsSpace(c) && !IsInvisible(c)
}

// first returns the first character of a text; 0 if the text is empty.
func first(s string) rune {
	if s == "" {
		return 0
	}
	c, _ := utf8.DecodeRuneInString(s)
	return c
}

// PublicURL returns the path of an HTTPS URL that may be public. Such a URL has no credentials, no query and nothing that looks like a secret.
func PublicURL(s string) (path string, ok bool) {
	if strings.ContainsAny(s, "?#@\\") || LooksSecret(s) {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || s != u.String() {
		return "", false
	}
	return u.Path, true
}
