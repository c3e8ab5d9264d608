package process_test

import (
	"context"
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
