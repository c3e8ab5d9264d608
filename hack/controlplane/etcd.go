package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// backendQuota lets a benchmark hold the history of a million writes; etcd's default is 2 GiB.
const backendQuota = 8 << 30

func (c *ControlPlane) prepareEtcd(o Options) error {
	client, err := freeAddress()
	if err != nil {
		return err
	}
	peer, err := freeAddress()
	if err != nil {
		return err
	}
	c.etcdURL = "http://" + client
	args := []string{
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=" + c.etcdURL,
		"--advertise-client-urls=" + c.etcdURL,
		"--listen-peer-urls=http://" + peer,
		fmt.Sprintf("--quota-backend-bytes=%d", int64(backendQuota)),
		"--log-level=warn",
	}
	if o.NoSync {
		args = append(args, "--unsafe-no-fsync")
	}
	c.Etcd = &Process{
		Name: "etcd", Path: filepath.Join(c.assets, "etcd"), Args: args, Log: filepath.Join(c.LogDir(), "etcd.log"),
		Ready: func(ctx context.Context) error { return getOK(ctx, http.DefaultClient, c.etcdURL+"/health") },
	}
	return nil
}

// StoredObjects returns everything that etcd holds now: key and value as they are stored.
func (c *ControlPlane) StoredObjects(ctx context.Context) (map[string][]byte, error) {
	const everything = `{"key":"AA==","range_end":"AA=="}` // from the zero byte, to the end
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+"/v3/kv/range", bytes.NewBufferString(everything))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read etcd: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		KVs []struct{ Key, Value []byte }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read etcd: %w", err)
	}
	objects := map[string][]byte{}
	for _, kv := range answer.KVs {
		objects[string(kv.Key)] = kv.Value
	}
	return objects, nil
}

// getOK returns nil when url answers 200.
func getOK(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
