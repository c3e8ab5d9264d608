package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const cgroups = "/sys/fs/cgroup"

// cgroup is the control group that holds those of the pods: the one thing that lies outside the namespaces and the folder. Its name follows from
// the folder's, so that it is found after any accident.
func (c *cluster) cgroup() string {
	sum := sha256.Sum256([]byte(c.dir))
	return "/fastpix-cluster-" + hex.EncodeToString(sum[:4])
}

// hierarchies are the folders in which a control group has to be made: one of the second version, or one for each controller of the first.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return []string{cgroups}, nil
	}
	return filepath.Glob(filepath.Join(cgroups, "*"))
}

func makeCgroup(name string) error {
	folders, err := hierarchies()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make a control group: %w", err)
		}
	}
	return nil
}

// removeCgroup removes a control group and those in it. Processes that were killed may still be in them for a moment.
func removeCgroup(ctx context.Context, name string) error {
	folders, err := hierarchies()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		var last error
		err := wait.PollUntilContextTimeout(context.WithoutCancel(ctx), 50*time.Millisecond, killTimeout, true, func(context.Context) (bool, error) {
			last = removeTree(filepath.Join(folder, name))
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("remove a control group: %w", errors.Join(err, last))
		}
	}
	return nil
}

// removeTree removes a folder and the folders in it, whose files the kernel makes.
func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return ignoreNotExist(err)
	})
	if err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := ignoreNotExist(syscall.Rmdir(folder)); err != nil {
			return fmt.Errorf("rmdir %s: %w", folder, err)
		}
	}
	return nil
}
