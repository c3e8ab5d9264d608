package doctor

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// State is what a check found.
type State string

// The states of results.
const (
	// Pass: what was checked is well.
	Pass State = "pass"
	// Warn: it works, and deserves a look.
	Warn State = "warn"
	// Fail: something does not work.
	Fail State = "fail"
	// Skipped: it could not be checked, or there is nothing to check.
	Skipped State = "skipped"
)

// Result is what one check found about one thing.
type Result struct {
	// Check is the name of the check.
	Check string `json:"check"`
	// About is what was checked, such as an endpoint; empty if the check is about the whole installation.
	About string `json:"about,omitempty"`
	State State  `json:"state"`
	// What says what is the case.
	What string `json:"what"`
	// Mend says what to do; empty if there is nothing to do.
	Mend string `json:"mend,omitempty"`
	// Right is the right that the user needs for the check; empty if none is missing.
	Right string `json:"missingRight,omitempty"`
	// missing is the error that said so.
	missing error `json:"-"`
}

func pass(about, format string, args ...any) Result {
	return Result{About: about, State: Pass, What: fmt.Sprintf(format, args...)}
}

func warn(about, mend, format string, args ...any) Result {
	return Result{About: about, State: Warn, What: fmt.Sprintf(format, args...), Mend: mend}
}

func fail(about, mend, format string, args ...any) Result {
	return Result{About: about, State: Fail, What: fmt.Sprintf(format, args...), Mend: mend}
}

func skipped(about, format string, args ...any) Result {
	return Result{About: about, State: Skipped, What: fmt.Sprintf(format, args...)}
}

// unread is the result of a check that could not read what it is about.
func unread(about string, err error) Result {
	if right, ok := cli.MissingRight(err); ok {
		return Result{
			About: about, State: Skipped, What: "you need the right to " + right.String(), Mend: "Ask an administrator of the cluster for the right.",
			Right: right.String(), missing: err,
		}
	}
	if apimeta.IsNoMatchError(err) {
		return skipped(about, "the kinds of the operator are not installed")
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fail(about, "Look at the API server.", "the API server refuses the request: %v", err)
	}
	return fail(about, "Look at the API server and at the connection to it.", "it could not be read: %v", err)
}
