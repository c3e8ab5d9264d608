package text

import "testing"

// TestInvisibleCharactersAreDropped protects readers of a mirror from invisible text.
func TestInvisibleCharactersAreDropped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"plain":                              {"Über Köln\n\t1", "Über Köln\n\t1"},
		"escape":                             {"a\x1b[31mb\u009bc\x7f", "a[31mbc"},
		"a change of direction":              {"photo\u202egpj.exe", "photogpj.exe"},
		"isolates and marks":                 {"\u2066a\u2069\u200eb\u200f\u061c", "ab"},
		"zero width":                         {"a\u200bb\u2060c\ufeffd\u00ade", "abcde"},
		"line separators":                    {"a\u2028b\u2029c", "abc"},
		"tags":                               {"a\U000e0041\U000e0042", "a"},
		"a family emoji":                     {"👩‍👩‍👧", "👩‍👩‍👧"},
		"a heart with a variation selector":  {"❤️‍🔥", "❤️‍🔥"},
		"Persian":                            {"می\u200cخواهم", "می\u200cخواهم"},
		"Hindi":                              {"क्\u200dष", "क्\u200dष"},
		"the Arabic number sign":             {"\u0600\u0661", "\u0600\u0661"},
		"joiners in ASCII":                   {"ad\u200dmin\u200c", "admin"},
		"joiners in a row":                   {"क\u200d\u200dक", "क\u200dक"},
		"a joiner before what is dropped":    {"क\u200d\u202eक", "कक"},
		"a joiner at either end":             {"\u200dकक\u200d", "कक"},
		"a secret that something would hide": {"0123456789abcdef0123456789abcdefk\u200b0123456789abcdef0123456789abcdef", ""},
	} {
		got, _ := Safe(tt.text)
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		if again, _ := Safe(got); again != got {
			t.Errorf("%s: a second time it becomes %q", name, again)
		}
	}
	if _, ok := Safe("\u200b"); ok {
		t.Error("a text of which nothing is left says something")
	}
}

// FuzzSafe checks that controllers do not change the records of receivers.
func FuzzSafe(f *testing.F) {
	f.Add("क\u200d\u202eक\x1b")
	f.Add("\xff\u200d\xff")
	f.Fuzz(func(t *testing.T, s string) {
		safe, ok := Safe(s)
		if again, still := Safe(safe); again != safe || ok && !still {
			t.Errorf("%q becomes %q, then %q (%t, %t)", s, safe, again, ok, still)
		}
	})
}
