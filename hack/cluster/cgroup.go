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

// cgroup returns the name of the control group that contains those of the pods. It is the only part of the cluster outside its namespaces
// and its state folder. The name is derived from the state folder, so that stop finds the control group even after a crash.
func (c *cluster) cgroup() string {
	sum := sha256.Sum256([]byte(c.dir))
	return "/fastpix-cluster-" + hex.EncodeToString(sum[:4])
}

// cgroupRoots returns the folders in which a control group must be created: one folder with cgroup v2, or one for each controller with
// cgroup v1.
func cgroupRoots() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return []string{cgroups}, nil
	}
	return filepath.Glob(filepath.Join(cgroups, "*"))
}

func makeCgroup(name string) error {
	folders, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create a control group: %w", err)
		}
	}
	return nil
}

// removeCgroup removes a control group and those inside it. It retries, because killed processes may stay in a control group for a moment.
func removeCgroup(ctx context.Context, name string) error {
	folders, err := cgroupRoots()
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

// removeTree removes a folder and its subfolders. It does not remove files: in a control group the kernel provides them.
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
