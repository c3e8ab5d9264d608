package framework

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// PeakMiB returns the highest resident memory of a process since it started. Elsewhere than on Linux it skips the test.
func PeakMiB(t *testing.T, o *controlplane.Operator) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.PID()))
	if err != nil {
		t.Skipf("memory of a process cannot be read here: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("a process has no peak of memory")
	return 0
}

// MemoryRequestMiB is the memory that each process requests in config, in MiB.
const MemoryRequestMiB = 128
