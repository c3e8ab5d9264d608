package meter

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// ticksPerSecond is the unit of CPU times in /proc; Linux shows the same number to every program.
const ticksPerSecond = 100

// Usage is what processes consumed, by name.
type Usage struct {
	// CPU seconds, user and system.
	CPU map[string]float64 `json:"cpuSeconds"`
	// RSS and PeakRSS are the resident memory in MiB, now and at most since the process started.
	RSS     map[string]float64 `json:"rssMiB"`
	PeakRSS map[string]float64 `json:"peakRSSMiB"`
}

// UsageOf reads what processes have consumed since they started. It needs Linux; elsewhere everything is 0.
func UsageOf(pids map[string]int) Usage {
	u := Usage{CPU: map[string]float64{}, RSS: map[string]float64{}, PeakRSS: map[string]float64{}}
	for name, pid := range pids {
		u.CPU[name] = cpuSeconds(pid)
		u.RSS[name], u.PeakRSS[name] = process.Memory(pid)
	}
	return u
}

// Since returns the CPU seconds that passed after an earlier reading; memory is as it is now.
func (u Usage) Since(before Usage) Usage {
	cpu := map[string]float64{}
	for name, seconds := range u.CPU {
		cpu[name] = seconds - before.CPU[name]
	}
	u.CPU = cpu
	return u
}

func cpuSeconds(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is the name in parentheses, which may hold spaces; user and system time are fields 14 and 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}
