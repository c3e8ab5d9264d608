package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryGroup is a control group that limits memory as the kubelet's do for a container: whatever exceeds the limit is killed.
type MemoryGroup struct{ folder string }

const cgroups = "/sys/fs/cgroup"

// NewMemoryGroup makes a control group, of the first or the second version. It needs Linux and the right to do so.
func NewMemoryGroup(name string, limitBytes int64) (*MemoryGroup, error) {
	g := &MemoryGroup{folder: filepath.Join(cgroups, "memory", name)}
	limits := map[string]string{"memory.limit_in_bytes": strconv.FormatInt(limitBytes, 10)}
	if isSecondVersion() {
		g.folder = filepath.Join(cgroups, name)
		limits = map[string]string{"memory.max": strconv.FormatInt(limitBytes, 10), "memory.swap.max": "0"}
		// It is so already where the controller is in use.
		_ = os.WriteFile(filepath.Join(cgroups, "cgroup.subtree_control"), []byte("+memory"), 0o600)
	}
	if err := os.Mkdir(g.folder, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group for memory: %w", err)
	}
	for file, limit := range limits {
		if err := os.WriteFile(filepath.Join(g.folder, file), []byte(limit), 0o600); err != nil && file != "memory.swap.max" {
			return nil, errors.Join(fmt.Errorf("limit memory: %w", err), g.Remove())
		}
	}
	return g, nil
}

func isSecondVersion() bool {
	_, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers"))
	return err == nil
}

// Hold has a process that was not started yet run in the group from its first instruction on.
func (g *MemoryGroup) Hold(p *Process) {
	p.Args = append([]string{"-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(g.folder, "cgroup.procs"), p.Path}, p.Args...)
	p.Path = "/bin/sh"
}

// Kills returns how many processes of the group the kernel has killed for want of memory.
func (g *MemoryGroup) Kills() (int, error) {
	file := "memory.oom_control"
	if isSecondVersion() {
		file = "memory.events"
	}
	content, err := os.ReadFile(filepath.Join(g.folder, file))
	if err != nil {
		return 0, fmt.Errorf("read a control group: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "oom_kill" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, errors.New("read a control group: it does not say whom the kernel killed")
}

// Remove removes the group, whose processes have ended.
func (g *MemoryGroup) Remove() error { return os.Remove(g.folder) }

// ResetPeak resets the peak that Memory returns of a process.
func ResetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600)
}
