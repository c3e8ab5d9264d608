package fastpixapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi/envelope"
)

const (
	// PageSize is the number of rows of one page, the most that the API gives.
	PageSize = 50
	// maxAnswerBytes bounds one answer, decompressed.
	maxAnswerBytes = 8 << 20
	// requestTimeout bounds one request from the connection to the last byte of the answer.
	requestTimeout = 10 * time.Second
	// maxIDBytes bounds an id in a path.
	maxIDBytes = 255
	// mediaPath and streamPath are the paths of the two kinds of objects.
	mediaPath, streamPath = "/on-demand", "/live/streams"
)

// Options say which API the client asks, and how.
type Options struct {
	// BaseURL is the URL of the API with its version, such as https://api.fastpix.com/v1. Plain HTTP is allowed for a loopback address only.
	BaseURL string
	// Rate is the number of requests a second with one set of credentials.
	Rate float64
	// UserAgent is the header User-Agent.
	UserAgent string
	// Transport sends the requests; nil means one that uses the proxies of the environment.
	Transport http.RoundTripper
}

// Client reads from the management API. Each call is one attempt; the caller decides when to try again.
type Client struct {
	base      string
	userAgent string
	http      *http.Client
	limits    *limits
}

// New returns a client. The error says what is wrong with the URL, without a user or a password in it.
func New(o Options) (*Client, error) {
	base, err := checkURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Rate <= 0 {
		return nil, errors.New("the rate of requests to FastPix's API must be above 0")
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport()
	}
	return &Client{
		base: base, userAgent: o.UserAgent, limits: newLimits(o.Rate),
		http: &http.Client{
			Transport: transport, Timeout: requestTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // another host must not get the credentials
		},
	}, nil
}

// newTransport returns a transport with few connections: requests come one after another.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// CheckURL returns an error if a client must not send credentials to the URL. The error says what to do, and quotes no user or password.
func CheckURL(text string) error {
	_, err := checkURL(text)
	return err
}

// checkURL returns the URL without a slash at its end.
func checkURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL of FastPix's API must be like https://api.fastpix.com/v1")
	case u.User != nil:
		return "", errors.New("the URL of FastPix's API must not contain credentials; they belong into a Secret that spec.sync.credentialsSecret names")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("the URL of FastPix's API must begin with https:// (host %s); plain http is allowed for a loopback address only", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("the URL of FastPix's API must begin with https://")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Page is one page of a list, ordered by creation.
type Page struct {
	// Rows are the objects, as the API writes them.
	Rows []json.RawMessage
	// Date is the API's clock when it answered.
	Date time.Time
	// Number is the number of the page, from 1.
	Number int
	// TotalRecords and Pages are what the API claims. Neither is a reason to stop: the list may grow while it is read.
	TotalRecords, Pages int
	// Unreadable is the number of rows that are no objects.
	Unreadable int
}

// Object is a single object.
type Object struct {
	// Row is the object, as the API writes it.
	Row json.RawMessage
	// Date is the API's clock when it answered.
	Date time.Time
}

// Pause returns how long the API asked not to be asked with the credentials; 0 if it did not. Until then a request waits.
func (c *Client) Pause(credentials Credentials) time.Duration { return c.limits.paused(credentials) }

// MediaPage reads one page of the media of the workspace, from page 1.
func (c *Client) MediaPage(ctx context.Context, credentials Credentials, page int) (*Page, error) {
	return c.page(ctx, credentials, mediaPath, page)
}

// StreamPage reads one page of the live streams of the workspace, from page 1.
func (c *Client) StreamPage(ctx context.Context, credentials Credentials, page int) (*Page, error) {
	return c.page(ctx, credentials, streamPath, page)
}

// Media reads a media. The id must be a UUID: the API accepts no other.
func (c *Client) Media(ctx context.Context, credentials Credentials, id string) (*Object, error) {
	return c.object(ctx, credentials, mediaPath, id)
}

// Stream reads a live stream.
func (c *Client) Stream(ctx context.Context, credentials Credentials, id string) (*Object, error) {
	return c.object(ctx, credentials, streamPath, id)
}

func (c *Client) page(ctx context.Context, credentials Credentials, path string, number int) (*Page, error) {
	query := url.Values{"limit": {strconv.Itoa(PageSize)}, "offset": {strconv.Itoa(number)}, "orderBy": {"asc"}}
	a, err := c.get(ctx, credentials, path+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	rows, unreadable, err := a.Rows(number)
	if err != nil {
		return nil, notAnswer(http.StatusOK, err.Error())
	}
	return &Page{
		Rows: rows, Unreadable: unreadable, Date: a.date, Number: number,
		TotalRecords: int(a.Pagination.TotalRecords), Pages: int(a.Pagination.OffsetCount),
	}, nil
}

func (c *Client) object(ctx context.Context, credentials Credentials, path, id string) (*Object, error) {
	if !isPlainID(id) {
		return nil, &Error{Reason: Rejected, detail: "the id has characters that no id of FastPix has; no request was sent"}
	}
	a, err := c.get(ctx, credentials, path+"/"+id)
	if err != nil {
		return nil, err
	}
	row, err := a.Object()
	if err != nil {
		return nil, notAnswer(http.StatusOK, err.Error())
	}
	return &Object{Row: row, Date: a.date}, nil
}

// isPlainID reports whether an id can stand in a path without changing it.
func isPlainID(id string) bool {
	const plain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	return id != "" && len(id) <= maxIDBytes && strings.Trim(id, plain) == ""
}

// response is a whole answer.
type response struct {
	code   int
	header http.Header
	body   []byte
}

// answer is a success of the API.
type answer struct {
	*envelope.Envelope
	date time.Time
}

// get sends one request when it is its turn, and reads the answer.
func (c *Client) get(ctx context.Context, credentials Credentials, path string) (*answer, error) {
	if c.limits.wait(ctx, credentials) != nil {
		return nil, &Error{Reason: Unavailable, detail: "no request was sent, because its turn did not come in time"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, transportError(err)
	}
	request.SetBasicAuth(credentials.tokenID, credentials.secretKey)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	a, err := c.send(request)
	code := http.StatusOK
	if failure, ok := errors.AsType[*Error](err); ok {
		code = failure.Code
		c.limits.pause(credentials, failure.RetryAfter)
	}
	requests.WithLabelValues(codeLabel(code)).Inc()
	return a, err
}

// send sends a request and reads the answer. The error is an *Error.
func (c *Client) send(request *http.Request) (*answer, error) {
	started := time.Now()
	r, err := c.receive(request)
	requestSeconds.Observe(time.Since(started).Seconds())
	if err != nil {
		return nil, err
	}
	return read(r)
}

// receive receives the whole response to a request. The error is an *Error.
func (c *Client) receive(request *http.Request) (*response, error) {
	r, err := c.http.Do(request)
	if err != nil {
		return nil, transportError(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, transportError(err)
	case len(body) > maxAnswerBytes:
		return nil, notAnswer(r.StatusCode, "the answer is larger than 8 MiB")
	}
	return &response{code: r.StatusCode, header: r.Header, body: body}, nil
}

// read reads a response. The error is an *Error.
func read(r *response) (*answer, error) {
	media, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	isJSON := err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
	if r.code != http.StatusOK {
		return nil, answerError(r, isJSON && envelope.IsError(r.body), time.Now())
	}
	if !isJSON {
		return nil, notAnswer(r.code, "the answer is not JSON; check the URL of the API, and whether a proxy answers for it")
	}
	e, err := envelope.Read(r.body)
	if err != nil {
		return nil, notAnswer(r.code, err.Error())
	}
	date, err := http.ParseTime(r.header.Get("Date"))
	if err != nil {
		return nil, notAnswer(r.code, noDate)
	}
	return &answer{Envelope: e, date: date}, nil
}
