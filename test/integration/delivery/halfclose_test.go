package delivery

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect deliveries whose client closes its writing side, or the connection, as soon as it has sent the request: the receiver commits
// every request that arrived whole.

// halfCloser is a connection whose writing side can be shut down by itself.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// dialHalf opens a connection, by TLS if the receiver speaks it.
func dialHalf(ctx context.Context, r *framework.Receiver) (halfCloser, error) {
	if r.TLS != nil {
		conn, err := (&tls.Dialer{Config: r.TLS}).DialContext(ctx, "tcp", r.Address)
		if err != nil {
			return nil, err
		}
		return conn.(*tls.Conn), nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// sendAndEnd sends a request, ends the writing side, and returns the answer's status code.
func sendAndEnd(ctx context.Context, r *framework.Receiver, request string) (int, error) {
	conn, err := dialHalf(ctx, r)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	if err := conn.CloseWrite(); err != nil {
		return 0, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(framework.PollTimeout))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

func TestHalfClosedConnectionsAreAnswered(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			e := framework.NewEndpoint(t)
			r := framework.StartReceiver(t, kind) // after the endpoint, so that it knows the endpoint when it is ready
			var assets []string
			send := func(version, secret string) {
				t.Helper()
				id, body := framework.NewAsset()
				request := strings.Replace(framework.RawPost(e.Path(), string(body), fixtures.Sign(secret, body)), "HTTP/1.1", version, 1)
				if got, err := sendAndEnd(t.Context(), r, request); err != nil || got != http.StatusOK {
					t.Errorf("%s: got %d (%v), want 200", version, got, err)
				}
				assets = append(assets, id)
			}
			// The receiver has just started: its first delivery waits until the Secret was read.
			for range 20 {
				send("HTTP/1.1", fixtures.SigningSecret)
				send("HTTP/1.0", fixtures.SigningSecret)
			}
			// The first delivery that a new key signs waits until the Secret is read again.
			framework.ReplaceSigningSecret(t, e, framework.OtherSigningSecret)
			send("HTTP/1.1", framework.OtherSigningSecret)
			framework.WaitJournalEmpty(t)
			checkAssets(t, e, assets)
		})
	}
}

func TestEventsOfDisconnectedClientsAreCommitted(t *testing.T) {
	e := framework.NewEndpoint(t)
	const senders = 200
	assets := make([]string, senders)
	var wg sync.WaitGroup
	for i := range senders { // at once, so that most of them wait for a commit when they go
		id, body := framework.NewAsset()
		assets[i] = id
		wg.Go(func() {
			conn, err := framework.DialReceiver(t.Context(), framework.Deployed.Receiver)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, framework.RawPost(e.Path(), string(body), framework.Sign(body))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	framework.Eventually(t, "every event is mirrored", func(ctx context.Context) error {
		return assetsExist(ctx, e, assets)
	})
	framework.WaitJournalEmpty(t)
}

// checkAssets checks that every asset is mirrored.
func checkAssets(t *testing.T, e framework.Endpoint, assets []string) {
	t.Helper()
	if err := assetsExist(t.Context(), e, assets); err != nil {
		t.Error(err)
	}
}

func assetsExist(ctx context.Context, e framework.Endpoint, assets []string) error {
	missing := 0
	for _, id := range assets {
		var asset fastpixv1.MediaAsset
		if err := framework.Deployed.Admin.Get(ctx, types.NamespacedName{Namespace: e.Namespace, Name: id}, &asset); err != nil {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d events are not mirrored", missing, len(assets))
	}
	return nil
}
