package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// requestTimeout bounds one request.
	requestTimeout = 3 * time.Second
	// pause is the time between two attempts.
	pause = time.Second
)

// Check is one expectation: a GET of the URL is answered with the status.
type Check struct {
	URL    string
	Status int
}

// List are checks. It implements flag.Value: each use of the flag adds a check, in the form STATUS=URL.
type List []Check

// String implements flag.Value.
func (l *List) String() string {
	var all []string
	for _, c := range *l {
		all = append(all, fmt.Sprintf("%d=%s", c.Status, c.URL))
	}
	return strings.Join(all, " ")
}

// Set implements flag.Value.
func (l *List) Set(text string) error {
	code, address, _ := strings.Cut(text, "=")
	status, err := strconv.Atoi(code)
	if err != nil || status < 100 || status > 599 {
		return fmt.Errorf("%q is not of the form STATUS=URL, such as 200=http://service/path", text)
	}
	address, err = withBrackets(address)
	if err != nil {
		return err
	}
	*l = append(*l, Check{URL: address, Status: status})
	return nil
}

// withBrackets returns a URL whose host may be an IPv6 address without brackets, as Kubernetes sets it in the variables of Services, with
// brackets around the address.
func withBrackets(address string) (string, error) {
	scheme, rest, found := strings.Cut(address, "://")
	if !found || (scheme != "http" && scheme != "https") {
		return "", fmt.Errorf("%q is not a URL with http or https", address)
	}
	host, path, _ := strings.Cut(rest, "/")
	if colon := strings.LastIndexByte(host, ':'); strings.Count(host, ":") > 1 && !strings.HasPrefix(host, "[") {
		host = net.JoinHostPort(host[:colon], host[colon+1:])
	}
	u, err := url.Parse(scheme + "://" + host + "/" + path)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Run runs all checks, each again until it succeeds or the context ends. It returns the errors of the checks that did not succeed.
func (l *List) Run(ctx context.Context) error {
	client := &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{ // no proxy: the Services are in the cluster
			DisableKeepAlives: true,
			// The operator makes the certificate of its metrics itself. The checks send and read nothing that is secret.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var errs []error
	for _, c := range *l {
		errs = append(errs, c.run(ctx, client))
	}
	return errors.Join(errs...)
}

// run repeats one check until it succeeds or the context ends.
func (c Check) run(ctx context.Context, client *http.Client) error {
	var last error
	for {
		err := c.attempt(ctx, client)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("check %s: %w", c.URL, cmp.Or(last, err)) // the last error says more than that the context ended
		}
		last = err
		timer, cancel := context.WithTimeout(ctx, pause)
		<-timer.Done()
		cancel()
	}
}

// attempt makes one request.
func (c Check) attempt(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != c.Status {
		return fmt.Errorf("the answer has status %d, want %d", response.StatusCode, c.Status)
	}
	return nil
}
