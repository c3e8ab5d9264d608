package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// Leaks looks for the markers wherever a secret could have ended: in every object in etcd, in etcd's files, which still hold
// what was deleted, in every log, and in the metrics of the given operators. It returns one line for each place.
func (c *ControlPlane) Leaks(ctx context.Context, markers []string, operators ...*Operator) ([]string, error) {
	var found []string
	look := func(place string, content []byte) {
		for _, m := range markers {
			if bytes.Contains(content, []byte(m)) {
				found = append(found, fmt.Sprintf("%s: %q", place, m))
			}
		}
	}
	objects, err := c.StoredObjects(ctx)
	if err != nil {
		return nil, err
	}
	for key, value := range objects {
		look("object "+key, value)
	}
	if err := lookInFiles(look, c.path("etcd"), c.LogDir()); err != nil {
		return nil, err
	}
	for _, o := range operators {
		metrics, err := c.Metrics(ctx, o)
		if err != nil {
			return nil, err
		}
		look("metrics of "+o.Name, metrics)
	}
	slices.Sort(found)
	return found, nil
}

func lookInFiles(look func(place string, content []byte), folders ...string) error {
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return ignoreNotExist(err) // etcd and log rotation remove files under way
			}
			content, err := os.ReadFile(path)
			look("file "+path, content)
			return ignoreNotExist(err)
		})
		if err != nil {
			return fmt.Errorf("look into files: %w", err)
		}
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Metrics returns the metrics of an operator, read as an administrator.
func (c *ControlPlane) Metrics(ctx context.Context, o *Operator) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.MetricsURL+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.admin.BearerToken)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the operator makes its certificate itself
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", o.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", o.Name, err)
	}
	return body, nil
}
