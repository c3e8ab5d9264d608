package operator

import (
	"flag"
	"strings"
	"testing"
)

// TestOptionsSayWhatIsWrong protects users from a process that runs nothing, and checks that the options of all parts are validated.
func TestOptionsSayWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string // in the error; empty if the options are right
	}{
		"defaults":             {nil, ""},
		"receiver alone":       {[]string{"--controllers=false", "--syncer=false"}, ""},
		"syncer alone":         {[]string{"--receiver=false", "--controllers=false"}, ""},
		"nothing to run":       {[]string{"--receiver=false", "--controllers=false", "--syncer=false"}, "set --receiver, --controllers or --syncer"},
		"fault in receiver":    {[]string{"--max-in-flight=0"}, "--max-in-flight"},
		"fault in controllers": {[]string{"--fold-concurrency=0"}, "--fold-concurrency"},
		"profiles":             {[]string{"--pprof-bind-address=127.0.0.1:6060"}, ""},
		"profiles by IPv6":     {[]string{"--pprof-bind-address=[::1]:6060"}, ""},
		"profiles off":         {[]string{"--pprof-bind-address=0"}, ""},
		"profiles for all":     {[]string{"--pprof-bind-address=:6060"}, "--pprof-bind-address"},
		"profiles for a pod":   {[]string{"--pprof-bind-address=10.0.0.1:6060"}, "--pprof-bind-address"},
		"profiles by name":     {[]string{"--pprof-bind-address=localhost:6060"}, "--pprof-bind-address"},
		"profiles everywhere":  {[]string{"--pprof-bind-address=0.0.0.0:6060"}, "--pprof-bind-address"},
		"profiles unmapped":    {[]string{"--pprof-bind-address=[::ffff:10.0.0.1]:6060"}, "--pprof-bind-address"},
		"fault in syncer":      {[]string{"--sync-rate=0"}, "--sync-rate"},
	} {
		t.Run(name, func(t *testing.T) {
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
