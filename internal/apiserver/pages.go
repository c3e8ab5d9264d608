package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// PageObjects is the maximum number of objects of a page, and that of the first. A mirror usually has 3 kB. For each page the API server of
	// Kubernetes 1.37 looks at all objects that follow, so a list by small pages costs it time with the square of the number of objects.
	PageObjects = 500
	// maxPageBytes bounds a page as it is sent, which is JSON for mirrors. Users can make each object as large as 1 MiB. Decoded, it takes about twice as much.
	maxPageBytes = 4 << 20
)

// errPageTooLarge means that a page has more than maxPageBytes.
var errPageTooLarge = errors.New("page of a list too large")

// ForEach lists objects page by page and calls do with each, until do returns an error. A page that turns out to be too large is asked for again with fewer
// objects; the pages after it grow again. For this, the transport of the reader must be wrapped by BoundPages; otherwise the number of objects alone bounds a page.
func ForEach(ctx context.Context, reader client.Reader, newPage func() client.ObjectList, do func(runtime.Object) error, options ...client.ListOption) error {
	ctx = context.WithValue(ctx, bounded{}, true)
	token, limit := "", int64(PageObjects)
	for {
		page := newPage()
		err := reader.List(ctx, page, append([]client.ListOption{client.Limit(limit), client.Continue(token)}, options...)...)
		switch {
		case errors.Is(err, errPageTooLarge) && limit > 1:
			limit = max(limit/4, 1)
			continue
		case err != nil:
			return fmt.Errorf("list a page: %w", err)
		}
		err = apimeta.EachListItem(page, do)
		if token = page.GetContinue(); err != nil || token == "" {
			return err
		}
		limit = min(2*limit, PageObjects)
	}
}

// bounded is the key of the contexts whose requests BoundPages bounds.
type bounded struct{}

// BoundPages wraps a transport. It cuts off the answers to ForEach that are too large. Other requests are not affected.
func BoundPages(next http.RoundTripper) http.RoundTripper { return &pageTransport{next} }

type pageTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *pageTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil || r.Context().Value(bounded{}) == nil {
		return answer, err
	}
	page, err := io.ReadAll(io.LimitReader(answer.Body, maxPageBytes+1))
	err = errors.Join(err, answer.Body.Close())
	switch {
	case err != nil:
		return nil, err
	case len(page) > maxPageBytes:
		return nil, errPageTooLarge
	}
	answer.Body = io.NopCloser(bytes.NewReader(page))
	return answer, nil
}

// WrappedRoundTripper implements utilnet.RoundTripperWrapper, by which client-go finds the transport beneath.
func (t *pageTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
