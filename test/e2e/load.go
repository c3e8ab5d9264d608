package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	// senders is how many senders run at the same time, each with one delivery at a time. Half of them keep their connections, as FastPix or
	// an ingress may. The other half opens a new connection for each delivery.
	senders = 16
	// pace is the pause of each sender between two deliveries. Together the senders make about 200 deliveries per second.
	pace = 80 * time.Millisecond
	// attemptTimeout is longer than the longest answer time of a receiver.
	attemptTimeout = 15 * time.Second
	// maxAttempts is the maximum number of deliveries of one event.
	maxAttempts = 600
	retryPause  = 100 * time.Millisecond
)

// load sends events about new media at a steady pace. It sends each event until it is acknowledged.
type load struct {
	url string

	mu     sync.Mutex
	medias []string
	sent   int
	failed []string // time and error of each attempt that was not acknowledged
	err    error
}

// startLoad starts the senders. stop ends them, and waits until each event that they started to send is acknowledged.
func (e *e2e) startLoad(ctx context.Context) (l *load, stop func() error) {
	l = &load{url: e.receiver.ReceiverURL + path}
	ending := make(chan struct{})
	var wg sync.WaitGroup
	for i := range senders {
		transport := &http.Transport{DisableKeepAlives: i%2 == 0}
		wg.Go(func() {
			defer transport.CloseIdleConnections()
			l.send(ctx, &http.Client{Transport: transport, Timeout: attemptTimeout}, ending)
		})
	}
	return l, func() error {
		close(ending)
		wg.Wait()
		return errors.Join(l.err, ctx.Err())
	}
}

// send sends two events about one new media after the other: created and ready.
func (l *load) send(ctx context.Context, client *http.Client, ending <-chan struct{}) {
	for {
		media := string(uuid.NewUUID())
		l.mu.Lock()
		l.medias = append(l.medias, media)
		l.mu.Unlock()
		for _, file := range []string{"video.media.created.json", "video.media.ready.json"} {
			if err := l.deliver(ctx, client, eventAbout(media, file)); err != nil {
				l.mu.Lock()
				l.err = err
				l.mu.Unlock()
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pace):
			}
		}
		select {
		case <-ending:
			return
		default:
		}
	}
}

// eventID matches the id of the event in a sample: the id of the outermost object.
var eventID = regexp.MustCompile(`(?m)^(  "id": ")[^"]*(")`)

// eventAbout returns a sample of media A as a new event about another media.
func eventAbout(media, file string) []byte {
	body := bytes.ReplaceAll(fixtures.Payload(file), []byte(fixtures.MediaA), []byte(media))
	return eventID.ReplaceAll(body, fmt.Appendf(nil, `${1}%s${2}`, uuid.NewUUID()))
}

// deliver sends an event until it is acknowledged.
func (l *load) deliver(ctx context.Context, client *http.Client, body []byte) error {
	signature := fixtures.Sign(fixtures.SigningSecret, body)
	for range maxAttempts {
		err := post(ctx, client, l.url, body, signature)
		l.mu.Lock()
		if err == nil {
			l.sent++
		} else {
			l.failed = append(l.failed, time.Now().Format("15:04:05.000 ")+err.Error())
		}
		l.mu.Unlock()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
	return errors.New("the event is not acknowledged after the maximum number of attempts")
}

func post(ctx context.Context, client *http.Client, url string, body []byte, signature string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	// With GetBody, net/http would send the body again when a connection breaks, and hide the failure.
	req.GetBody = nil
	req.Header.Set(controlplane.SignatureHeader, signature)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// acknowledged returns the number of acknowledged deliveries.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// waitUntilMirrored waits until every media of a finished load is mirrored as ready.
func (e *e2e) waitUntilMirrored(ctx context.Context, l *load) error {
	var missing int
	err := wait.PollUntilContextTimeout(ctx, time.Second, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		// List only the metadata, which costs the API server less.
		ready := &metav1.PartialObjectMetadataList{}
		ready.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("MediaAssetList"))
		if err := e.client.List(ctx, ready, client.InNamespace(namespace), client.MatchingFields{"status.state": "Ready"}); err != nil {
			return false, err
		}
		names := map[string]bool{}
		for _, asset := range ready.Items {
			names[asset.Name] = true
		}
		missing = 0
		for _, media := range l.medias {
			if !names[media] {
				missing++
			}
		}
		return missing == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d media are not mirrored as ready: %w", missing, len(l.medias), err)
	}
	return nil
}
