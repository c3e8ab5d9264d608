package sync

import (
	"flag"
	"strings"
	"testing"
)

// TestOptionsSayWhatIsWrong protects the credentials of the API, which must not be sent without encryption, and checks that a wrong flag is named.
func TestOptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string // in the error; empty if the options are right
	}{
		"defaults":                     {nil, ""},
		"another host":                 {[]string{"--fastpix-api-url=https://fastpix.example/v1"}, ""},
		"a fake on this machine":       {[]string{"--fastpix-api-url=http://127.0.0.1:8080/v1"}, ""},
		"a fake on this machine, IPv6": {[]string{"--fastpix-api-url=http://[::1]:8080/v1"}, ""},
		"plain http":                   {[]string{"--fastpix-api-url=http://api.fastpix.com/v1"}, "--fastpix-api-url: the URL of FastPix's API must begin with https://"},
		"a private network":            {[]string{"--fastpix-api-url=http://10.0.0.1/v1"}, "--fastpix-api-url"},
		"no URL":                       {[]string{"--fastpix-api-url="}, "must be like https://api.fastpix.com/v1"},
		"no requests":                  {[]string{"--sync-rate=0"}, "--sync-rate"},
		"a rate that is no number":     {[]string{"--sync-rate=NaN"}, "--sync-rate"},
		"an endless rate":              {[]string{"--sync-rate=Inf"}, "--sync-rate"},
		"a fraction of a request":      {[]string{"--sync-rate=0.5"}, ""},
		"no grace":                     {[]string{"--sync-grace=0s"}, "--sync-grace"},
		"a negative grace":             {[]string{"--sync-grace=-1m"}, "--sync-grace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o Options
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			o.BindFlags(fs)
			if err := fs.Parse(tt.args); err != nil {
				t.Fatal(err)
			}
			err := o.Validate()
			switch {
			case err == nil && tt.want != "":
				t.Errorf("no error, want %q", tt.want)
			case err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestErrorsQuoteNoPassword protects the log from a password that a user put into the URL.
func TestErrorsQuoteNoPassword(t *testing.T) {
	t.Parallel()
	o := Options{APIURL: "https://user:hidden@api.fastpix.com/v1", Rate: 1, Grace: 1}
	if err := o.Validate(); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
