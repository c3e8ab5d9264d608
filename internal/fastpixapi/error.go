package fastpixapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Reason says why a request failed, for the caller to decide what to do.
type Reason string

// The reasons of an Error.
const (
	// Unauthorized means that the API does not know the credentials (401).
	Unauthorized Reason = "Unauthorized"
	// AccessDenied means that the credentials may not read this (403).
	AccessDenied Reason = "AccessDenied"
	// NotFound means that the API said, in its own envelope, that the object does not exist (404).
	NotFound Reason = "NotFound"
	// RateLimited means that the API wants fewer requests (429).
	RateLimited Reason = "RateLimited"
	// Unavailable means that nobody gave an answer of the API: a 5xx, a timeout, a refused connection, a redirect, an answer that is not JSON, is cut
	// off, too large, or not in the API's envelope.
	Unavailable Reason = "Unavailable"
	// Rejected means any other 4xx: the API does not accept this request.
	Rejected Reason = "Rejected"
)

// maxRetryAfter bounds what Retry-After may ask for, so that one wrong header does not stop the sync for days.
const maxRetryAfter = time.Hour

// Error is the error of a request to the API. Its text is safe to show: it never holds credentials, or text that the API sent.
type Error struct {
	Reason Reason
	// Code is the status code of the answer; 0 if there was none.
	Code int
	// RetryAfter is how long the API asks to wait, at most an hour; 0 if it does not say.
	RetryAfter time.Duration
	// Date is the API's clock when it answered NotFound.
	Date   time.Time
	detail string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Code == 0 {
		return "FastPix's API gives no answer: " + e.detail
	}
	return fmt.Sprintf("FastPix's API answers %d: %s", e.Code, e.detail)
}

// ErrEmptyPage is the error of a page without rows that is not beyond the last one: the list is not usable.
var ErrEmptyPage = &Error{Reason: Unavailable, Code: http.StatusOK, detail: "a page in the middle of a list has no rows"}

// ReasonFor returns the reason of an Error in the chain of err. It returns Unavailable for any other error.
func ReasonFor(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return Unavailable
}

// answerError returns the error of an answer that is not a success. inEnvelope says whether its body was the API's own error.
func answerError(r *response, inEnvelope bool, now time.Time) *Error {
	e := &Error{Code: r.code, RetryAfter: retryAfter(r.header.Get("Retry-After"), now)}
	switch code := r.code; {
	case code == http.StatusUnauthorized:
		e.Reason, e.detail = Unauthorized, "it does not know the credentials"
	case code == http.StatusForbidden:
		e.Reason, e.detail = AccessDenied, "the credentials may not read this"
	case code == http.StatusNotFound && inEnvelope:
		date, err := http.ParseTime(r.header.Get("Date"))
		if err != nil {
			return notAnswer(code, noDate)
		}
		e.Reason, e.Date, e.detail = NotFound, date, "it does not have this object"
	case code == http.StatusTooManyRequests:
		e.Reason, e.detail = RateLimited, "too many requests"
	case code == http.StatusNotFound:
		e.Reason, e.detail = Unavailable, "the answer is not one of the API; check the URL of the API"
	case code >= 300 && code < 400:
		e.Reason, e.detail = Unavailable, "a redirect, which is not followed; check the URL of the API"
	case code == http.StatusRequestTimeout || code >= 500:
		e.Reason, e.detail = Unavailable, "it cannot answer now"
	case code >= 400:
		e.Reason, e.detail = Rejected, "it does not accept the request"
	default:
		e.Reason, e.detail = Unavailable, "the answer is not one of the API"
	}
	return e
}

// noDate is why an answer without a date is no answer.
const noDate = "the answer has no valid Date, so that it cannot be ordered with events; check whether a proxy removes it"

// notAnswer returns the error of an answer with a good status code that cannot be used.
func notAnswer(code int, detail string) *Error {
	return &Error{Reason: Unavailable, Code: code, detail: detail}
}

// retryAfter reads the header Retry-After, which is a number of seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return min(max(time.Duration(min(seconds, int(maxRetryAfter/time.Second)))*time.Second, 0), maxRetryAfter)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// transportError returns the error of a request without a whole answer. It describes the cause in words of its own: texts of the errors of a proxy
// or of a URL may hold credentials.
func transportError(err error) *Error {
	return &Error{Reason: Unavailable, detail: cause(err)}
}

func cause(err error) string {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var proxy *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return "it did not answer in time"
	case errors.As(err, &dns):
		return "its host name cannot be resolved; check DNS and the NetworkPolicy"
	case errors.As(err, &unknown) || errors.As(err, &verification):
		return "its certificate is not trusted; check the URL of the API, and whether a proxy replaces certificates"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused; check the URL of the API, the proxy and the NetworkPolicy"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return "the answer is cut off"
	case errors.Is(err, context.Canceled):
		return "the request was canceled"
	case errors.As(err, &proxy) && proxy.Op == "parse":
		return "the URL of the API or of the proxy is not valid"
	}
	return "the connection failed; check the URL of the API, the proxy and the NetworkPolicy"
}
