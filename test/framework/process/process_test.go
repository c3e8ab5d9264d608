package process_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

func TestProcessThatExitsEarlyShowsItsLog(t *testing.T) {
	p := &process.Process{
		Name: "bad", Path: "/bin/sh", Args: []string{"-c", "echo why it failed; exit 3"}, Log: t.TempDir() + "/bad.log",
		Ready: func(context.Context) error { return os.ErrDeadlineExceeded },
	}
	err := p.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "why it failed") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestPausedProcessIsKilled(t *testing.T) {
	p := &process.Process{
		Name: "sleep", Path: "/bin/sh", Args: []string{"-c", "sleep 600"}, Log: t.TempDir() + "/sleep.log",
		Ready: func(context.Context) error { return nil },
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Pause()
	p.Kill()
	if p.Running() {
		t.Error("the process still runs")
	}
}

// TestAddressIsClaimed protects tests from tests of other packages, which run at once: no other process is given the address, although nobody listens.
func TestAddressIsClaimed(t *testing.T) {
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	if claim, err := net.ListenPacket("udp", address); err == nil {
		_ = claim.Close()
		t.Error("another process can claim the address")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("a server cannot listen: %v", err)
	}
	_ = l.Close()
}
