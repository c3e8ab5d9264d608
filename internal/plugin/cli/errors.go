package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
)

// The exit codes of the program.
const (
	exitOK = iota
	exitError
	exitUsage
	exitNotWell
	exitForbidden
)

// ExitCodes says what each exit code means. The documentation has this table.
var ExitCodes = []string{
	exitOK:        "the command did its work, and what it looked at is well",
	exitError:     "the command could not do its work",
	exitUsage:     "a flag or an argument is wrong",
	exitNotWell:   "the command did its work, and what it looked at is not well: an endpoint is not Ready, a check failed, a signature does not verify",
	exitForbidden: "a right is missing; the message says which",
}

// ErrNotWell ends a command that found something that is not well, and has said so.
var ErrNotWell = errors.New("something is not well")

// UsageError says that a flag or an argument is wrong.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{Err: fmt.Errorf(format, args...)} }

// ExitCode returns the exit code that belongs to an error.
func ExitCode(err error) int {
	var wrong *UsageError
	_, forbidden := MissingRight(err)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, ErrNotWell):
		return exitNotWell
	case forbidden:
		return exitForbidden
	default:
		return exitError
	}
}

// Right is a right of RBAC.
type Right struct {
	// Verb is what the user wants to do, such as list.
	Verb string
	// Resource is the resource with its group, such as webhookendpoints.video.fastpix.com.
	Resource string
	// Namespace is empty for all namespaces, or if the resource has none.
	Namespace string
}

// String says the right in words.
func (r Right) String() string {
	if r.Namespace == "" {
		return fmt.Sprintf("%s %s in the whole cluster", r.Verb, r.Resource)
	}
	return fmt.Sprintf("%s %s in namespace %s", r.Verb, r.Resource, r.Namespace)
}

// Check is the command that asks the API server for the right.
func (r Right) Check() string {
	if r.Namespace == "" {
		return fmt.Sprintf("kubectl auth can-i %s %s --all-namespaces", r.Verb, r.Resource)
	}
	return fmt.Sprintf("kubectl auth can-i %s %s --namespace %s", r.Verb, r.Resource, r.Namespace)
}

// cannot is what RBAC says in the message of an error. The status has neither the verb nor the namespace.
var cannot = regexp.MustCompile(`cannot (\w+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?`)

// MissingRight returns the right that an error of the API server is about. Not every Forbidden is one: a quota or an admission policy forbids as well.
func MissingRight(err error) (Right, bool) {
	if !apierrors.IsForbidden(err) {
		return Right{}, false
	}
	found := cannot.FindStringSubmatch(err.Error())
	if found == nil {
		return Right{}, false
	}
	resource, sub, _ := strings.Cut(found[2], "/")
	if found[3] != "" {
		resource += "." + found[3]
	}
	if sub != "" {
		resource += "/" + sub
	}
	return Right{Verb: found[1], Resource: resource, Namespace: found[4]}, true
}

// Explain returns an error that says what to do, if it is one that a user can do something about.
func Explain(err error) error {
	if right, ok := MissingRight(err); ok {
		return fmt.Errorf("you need the right to %s. Ask an administrator of the cluster for it. To check it: %s", right, right.Check())
	}
	if apimeta.IsNoMatchError(err) {
		return fmt.Errorf("%w. The kinds of the operator are not installed in this cluster: install the operator, or choose another cluster by --context", err)
	}
	return err
}
