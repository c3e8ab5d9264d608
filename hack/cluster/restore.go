package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// The command restore and the node exchange these files in the state folder: a snapshot of etcd, and why it could not be restored.
const (
	snapshotFile     = "restore.db"
	restoreErrorFile = "restore.error"
	etcdData         = "/var/lib/etcd"
	restoreTimeout   = 3 * time.Minute
)

// restore replaces the content of etcd by a snapshot, and waits until the API server serves it.
func (c *cluster) restore(ctx context.Context, snapshot string) error {
	if c.pid() == 0 {
		return errNotRunning
	}
	content, err := os.ReadFile(snapshot)
	if err != nil {
		return err
	}
	partial := c.path(snapshotFile + ".partial")
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return err
	}
	if err := os.Rename(partial, c.path(snapshotFile)); err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, restoreTimeout, true, func(context.Context) (bool, error) {
		_, err := os.Stat(c.path(snapshotFile))
		return errors.Is(err, fs.ErrNotExist), ignoreNotExist(err)
	})
	if err != nil {
		return fmt.Errorf("wait until the snapshot is restored: %w", err)
	}
	problem, err := os.ReadFile(c.path(restoreErrorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("restore %s: %s", snapshot, problem))
}

// serveRestores restores each snapshot that the command restore leaves in the state folder.
func (n *node) serveRestores(ctx context.Context, programs []*process.Process) {
	for restores := 1; ctx.Err() == nil; {
		time.Sleep(200 * time.Millisecond)
		snapshot := filepath.Join(insideDir, snapshotFile)
		if _, err := os.Stat(snapshot); err != nil {
			continue
		}
		_ = os.Remove(filepath.Join(insideDir, restoreErrorFile))
		if err := n.restoreEtcd(ctx, snapshot, restores, programs); err != nil {
			_ = os.WriteFile(filepath.Join(insideDir, restoreErrorFile), []byte(err.Error()), 0o600)
		}
		_ = os.Remove(snapshot)
		restores++
	}
}

// revisionsPerRestore is more than the cluster writes between two restores.
const revisionsPerRestore = 1_000_000_000

// restoreEtcd restores the snapshot as the documentation of etcd and of Kubernetes says: while nothing runs that uses etcd. The revision must grow with
// each restore: otherwise programs that watch the API server would miss what is new. All programs start again, because they remember what they read.
func (n *node) restoreEtcd(ctx context.Context, snapshot string, restores int, programs []*process.Process) error {
	n.restoring.Store(true)
	defer n.restoring.Store(false)
	var stopped []*process.Process
	for _, p := range programs {
		if p.Name != "containerd" {
			p.Kill() // etcd's data is replaced, and a graceful end of the API server would wait for every open watch
			stopped = append(stopped, p)
		}
	}
	if err := os.RemoveAll(etcdData); err != nil {
		return err
	}
	bump := fmt.Sprintf("--bump-revision=%d", restores*revisionsPerRestore)
	if err := command(ctx, "etcdutl", "snapshot", "restore", snapshot, "--data-dir="+etcdData, bump, "--mark-compacted"); err != nil {
		return err
	}
	for _, p := range stopped {
		if err := n.run(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
