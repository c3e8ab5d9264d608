package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
)

// nothing ends a fault that has ended by itself.
func nothing(context.Context) error { return nil }

func deliverMalformed(ctx context.Context, e *env) (func(context.Context) error, error) {
	return nothing, e.expect(ctx, e.video, []byte(`["this is no event"]`), http.StatusBadRequest)
}

// expect sends a delivery and checks the answer.
func (e *env) expect(ctx context.Context, namespace string, body []byte, want int) error {
	code, err := e.deliver(ctx, namespace, body)
	if err == nil && code != want {
		err = fmt.Errorf("answer %d, want %d", code, want)
	}
	return err
}

// otherSecret is a signing secret that FastPix does not sign with.
const otherSecret = "b3RoZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMtbG9uZyE="

func storeWrongSecret(ctx context.Context, e *env) (func(context.Context) error, error) {
	namespace, err := e.newTenant(ctx, "wrong-secret", otherSecret)
	if err != nil {
		return nil, err
	}
	// An answer takes about a second, because the receiver reads the Secret again before it refuses a delivery.
	errs := make(chan error, 150)
	for range cap(errs) {
		go func() { errs <- e.expect(ctx, namespace, newEvent(time.Now()), http.StatusUnauthorized) }()
	}
	var failed []error
	for range cap(errs) {
		failed = append(failed, <-errs)
	}
	return nothing, errors.Join(failed...)
}

// deliverFromTheFuture delivers an event that happens in ten minutes: the difference of two clocks is the same whichever is wrong.
func deliverFromTheFuture(ctx context.Context, e *env) (func(context.Context) error, error) {
	return nothing, e.expect(ctx, e.video, newEvent(time.Now().Add(10*time.Minute)), http.StatusOK)
}

func sendNothing(_ context.Context, e *env) (func(context.Context) error, error) {
	e.silent.Lock()
	return func(context.Context) error {
		e.silent.Unlock()
		return nil
	}, nil
}

func killReceiver(_ context.Context, e *env) (func(context.Context) error, error) {
	e.receiver.Kill()
	return func(ctx context.Context) error { return ensureRunning(ctx, e.receiver.Process) }, nil
}

// slowNetwork delays each piece of data by up to 1.5 s. A commit is a request and its answer.
func slowNetwork(_ context.Context, e *env) (func(context.Context) error, error) {
	e.apiLink.SetFault(proxy.Fault{Delay: 1500 * time.Millisecond})
	return func(context.Context) error {
		e.apiLink.SetFault(proxy.Fault{})
		return nil
	}, nil
}

// killAPIServer kills the API server. After the end of the fault so many deliveries are acknowledged that the error budget suffices again.
func killAPIServer(ctx context.Context, e *env) (func(context.Context) error, error) {
	e.plane.APIServer.Kill()
	for range 8 {
		go func() { _, _ = e.deliver(ctx, e.video, newEvent(time.Now())) }()
	}
	clock.Sleep(ctx, 5*time.Second)
	return func(ctx context.Context) error {
		if err := ensureRunning(ctx, e.plane.APIServer); err != nil {
			return err
		}
		return e.deliverAgain(ctx, e.video, 10_000)
	}, nil
}
