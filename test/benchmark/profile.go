package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
)

// profileSeconds is less than a full burst takes.
const profileSeconds = 5

const (
	pprofPath = "/debug/pprof/"
	// liveHeap is a profile of the heap after a garbage collection.
	liveHeap = "heap?gc=1"
)

// profileAPIServerCPU begins to record what the API server's cores do during a burst, if that is wanted, and returns what to call when the burst
// has ended: it waits for the file NAME.kube-apiserver.pprof, which `go tool pprof -top` reads.
func (r *testEnv) profileAPIServerCPU(ctx context.Context, name string) (finish func() error) {
	if r.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- r.recordAPIServer(ctx, fmt.Sprintf("profile?seconds=%d", profileSeconds), name+".kube-apiserver.pprof")
	}()
	return func() error { return <-done }
}

// profileAPIServerHeap writes what the live heap of the API server holds into the file NAME.kube-apiserver.heap.pprof, if that is wanted.
func (r *testEnv) profileAPIServerHeap(ctx context.Context, name string) error {
	if r.profiles == "" {
		return nil
	}
	return r.recordAPIServer(ctx, liveHeap, name+".kube-apiserver.heap.pprof")
}

// profileControllersHeap writes what the live heap of the controllers holds into the file NAME.controllers.heap.pprof, if that is wanted.
func (r *testEnv) profileControllersHeap(ctx context.Context, name string) error {
	if r.profiles == "" {
		return nil
	}
	recorded, err := get(ctx, http.DefaultClient, "http://"+r.pprofAddress+pprofPath+liveHeap)
	if err != nil {
		return err
	}
	return r.writeProfile(name+".controllers.heap.pprof", recorded)
}

func (r *testEnv) recordAPIServer(ctx context.Context, path, file string) error {
	recorded, err := r.profileOf(ctx, path)
	if err != nil {
		return err
	}
	return r.writeProfile(file, recorded)
}

// profileOf returns what the API server serves below /debug/pprof.
func (r *testEnv) profileOf(ctx context.Context, path string) ([]byte, error) {
	config := r.plane.Config()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return get(ctx, client, config.Host+pprofPath+path)
}

func (r *testEnv) writeProfile(file string, recorded []byte) error {
	file = strings.NewReplacer(" ", "-", ",", "").Replace(file)
	return os.WriteFile(filepath.Join(r.profiles, file), recorded, 0o600)
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return body, err
}
