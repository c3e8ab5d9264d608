package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// backendQuota lets a benchmark hold the history of a million writes; etcd's default is 2 GiB.
const backendQuota = 8 << 30

func (c *ControlPlane) prepareEtcd(o Options) error {
	client, err := process.FreeAddress()
	if err != nil {
		return err
	}
	peer, err := process.FreeAddress()
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
	c.Etcd = &process.Process{
		Name: "etcd", Path: filepath.Join(c.assets, "etcd"), Args: args, Log: filepath.Join(c.LogDir(), "etcd.log"),
		Ready: func(ctx context.Context) error { return getOK(ctx, http.DefaultClient, c.etcdURL+"/health") },
	}
	return nil
}

// StoredObjects returns everything that etcd holds now: key and value as they are stored.
func (c *ControlPlane) StoredObjects(ctx context.Context) (map[string][]byte, error) {
	everything := map[string][]byte{"key": {0}, "range_end": {0}} // from the zero byte, to the end
	var answer struct {
		KVs []struct{ Key, Value []byte }
	}
	if err := c.callEtcd(ctx, "kv/range", everything, &answer); err != nil {
		return nil, err
	}
	objects := map[string][]byte{}
	for _, kv := range answer.KVs {
		objects[string(kv.Key)] = kv.Value
	}
	return objects, nil
}

// maxPuts is how many objects one transaction of etcd writes at most.
const maxPuts = 128

// StoreObjects writes objects as they are stored, by key, without the API server. It is the fastest way to have many: nothing validates them.
func (c *ControlPlane) StoreObjects(ctx context.Context, objects map[string][]byte) error {
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(objects)), maxPuts) {
		puts := make([]map[string]map[string][]byte, 0, len(keys))
		for _, key := range keys {
			puts = append(puts, map[string]map[string][]byte{"request_put": {"key": []byte(key), "value": objects[key]}})
		}
		if err := c.callEtcd(ctx, "kv/txn", map[string]any{"success": puts}, &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

// ErrCompacted means that etcd has forgotten what was written at the revision that was asked for.
var ErrCompacted = errors.New("etcd has forgotten that revision")

// WatchStored calls written with every version of every object below a prefix that was stored at a revision or later, in order, until
// the context or the connection ends. Whoever calls it again with the last revision plus one misses nothing, or gets ErrCompacted.
func (c *ControlPlane) WatchStored(ctx context.Context, prefix string, from int64, written func(value []byte, revision int64)) error {
	end := []byte(prefix)
	end[len(end)-1]++
	request, err := json.Marshal(map[string]any{"create_request": map[string]any{
		"key": []byte(prefix), "range_end": end, "start_revision": from, "filters": []string{"NODELETE"},
	}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+"/v3/watch", bytes.NewReader(request))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("watch etcd: %w", err)
	}
	defer resp.Body.Close()
	for answers := json.NewDecoder(resp.Body); ; {
		var answer watchAnswer
		if err := answers.Decode(&answer); err != nil {
			return fmt.Errorf("watch etcd: %w", err)
		}
		if r := answer.Result; r.CompactRevision > 0 {
			return fmt.Errorf("watch etcd from revision %d, it remembers those from %d: %w", from, r.CompactRevision, ErrCompacted)
		} else if r.Canceled || answer.Error.Message != "" {
			return fmt.Errorf("watch etcd: %s%s", r.CancelReason, answer.Error.Message)
		}
		for _, e := range answer.Result.Events {
			written(e.KV.Value, e.KV.ModRevision)
		}
	}
}

// watchAnswer is one of the messages that etcd answers to a watch.
type watchAnswer struct {
	Result struct {
		Canceled        bool
		CancelReason    string `json:"cancel_reason"`
		CompactRevision int64  `json:"compact_revision,string"`
		Events          []struct {
			KV struct {
				Value       []byte
				ModRevision int64 `json:"mod_revision,string"`
			}
		}
	}
	Error struct{ Message string }
}

// FillEtcd restarts etcd with a quota that is a little larger than its database, and writes until it refuses every further write for want of space.
func (c *ControlPlane) FillEtcd(ctx context.Context) error {
	var status struct {
		DBSize int64 `json:"dbSize,string"`
	}
	if err := c.callEtcd(ctx, "maintenance/status", struct{}{}, &status); err != nil {
		return err
	}
	c.Etcd.Kill()
	for i, arg := range c.Etcd.Args {
		if strings.HasPrefix(arg, "--quota-backend-bytes=") {
			c.Etcd.Args[i] = fmt.Sprintf("--quota-backend-bytes=%d", status.DBSize+4<<20)
		}
	}
	if err := c.Etcd.Start(ctx); err != nil {
		return err
	}
	filler := map[string][]byte{"key": []byte(fillerKey), "value": make([]byte, 1<<20)}
	for range 100 {
		err := c.callEtcd(ctx, "kv/put", filler, &struct{}{})
		if err != nil && strings.Contains(err.Error(), "database space exceeded") {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("fill etcd: it takes more than its quota")
}

// fillerKey is a key that the API server does not read.
const fillerKey = "/filler"

// FreeEtcd does what etcd's documentation advises for a database without space: delete, compact, defragment, and end the alarm.
func (c *ControlPlane) FreeEtcd(ctx context.Context) error {
	var deleted struct {
		Header struct {
			Revision int64 `json:"revision,string"`
		}
	}
	if err := c.callEtcd(ctx, "kv/deleterange", map[string][]byte{"key": []byte(fillerKey)}, &deleted); err != nil {
		return err
	}
	if err := c.callEtcd(ctx, "kv/compaction", map[string]any{"revision": deleted.Header.Revision, "physical": true}, &struct{}{}); err != nil {
		return err
	}
	if err := c.callEtcd(ctx, "maintenance/defragment", struct{}{}, &struct{}{}); err != nil {
		return err
	}
	return c.endEtcdAlarms(ctx)
}

func (c *ControlPlane) endEtcdAlarms(ctx context.Context) error {
	var active struct {
		Alarms []map[string]any // member and kind of each
	}
	if err := c.callEtcd(ctx, "maintenance/alarm", map[string]any{"action": "GET"}, &active); err != nil {
		return err
	}
	for _, alarm := range active.Alarms {
		alarm["action"] = "DEACTIVATE"
		if err := c.callEtcd(ctx, "maintenance/alarm", alarm, &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

// callEtcd calls a method of etcd's gateway for JSON.
func (c *ControlPlane) callEtcd(ctx context.Context, method string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+"/v3/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("call %s of etcd: %w", method, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("call %s of etcd: %s: %s", method, resp.Status, text), err)
	}
	return json.Unmarshal(text, answer)
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
