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

// profile begins to record what the API server's cores do during a burst, if that is wanted, and returns what to call when the burst
// has ended: it waits for the file NAME.kube-apiserver.pprof, which `go tool pprof -top` reads.
func (r *testEnv) profile(ctx context.Context, name string) (finish func() error) {
	if r.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() { done <- r.recordAPIServer(ctx, filepath.Join(r.profiles, name+".kube-apiserver.pprof")) }()
	return func() error { return <-done }
}

func (r *testEnv) recordAPIServer(ctx context.Context, file string) error {
	recorded, err := r.profileOf(ctx, fmt.Sprintf("profile?seconds=%d", profileSeconds))
	if err != nil {
		return err
	}
	return os.WriteFile(file, recorded, 0o600)
}

// profileHeap writes what the live heap of the API server holds into the file NAME.kube-apiserver.heap.pprof, if that is wanted.
func (r *testEnv) profileHeap(ctx context.Context, name string) error {
	if r.profiles == "" {
		return nil
	}
	recorded, err := r.profileOf(ctx, "heap?gc=1")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.profiles, strings.ReplaceAll(name, " ", "-")+".kube-apiserver.heap.pprof"), recorded, 0o600)
}

// profileOf returns what the API server serves below /debug/pprof.
func (r *testEnv) profileOf(ctx context.Context, path string) ([]byte, error) {
	config := r.plane.Config()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/debug/pprof/"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("profile the API server: %w", err)
	}
	defer resp.Body.Close()
	recorded, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", resp.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("profile the API server: %w", err)
	}
	return recorded, nil
}
