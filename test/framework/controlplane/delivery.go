package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// SignatureHeader carries the signature of a delivery.
	SignatureHeader = "FastPix-Signature"

	retryInterval   = 50 * time.Millisecond
	deliveryTimeout = time.Minute
)

// sender waits a little longer than the receiver takes at most to say that it cannot take an event.
var sender = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// Post sends one delivery once and returns the answer's status code. Without a signature the header is left out.
func (o *Operator) Post(ctx context.Context, path string, body []byte, signature string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.ReceiverURL+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if signature != "" {
		req.Header.Set(SignatureHeader, signature)
	}
	resp, err := sender.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// Deliver sends one delivery until it is acknowledged, as an at-least-once sender does, for a minute at most.
func (o *Operator) Deliver(ctx context.Context, path string, body []byte, signature string) error {
	var code int
	var last error
	err := wait.PollUntilContextTimeout(ctx, retryInterval, deliveryTimeout, true, func(ctx context.Context) (bool, error) {
		code, last = o.Post(ctx, path, body, signature)
		return last == nil && code == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("deliver: %w", errors.Join(err, last, fmt.Errorf("the last answer was %d", code)))
	}
	return nil
}
