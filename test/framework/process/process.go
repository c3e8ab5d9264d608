package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	readyInterval = 50 * time.Millisecond
	readyTimeout  = 60 * time.Second
	stopTimeout   = 30 * time.Second
)

// Process is one child process that can be stopped, killed, paused and started again with the same arguments. Its methods
// may be called by one goroutine at a time.
type Process struct {
	// Name says in errors what it is.
	Name string
	// Path and Args are the command, Env is added to the environment of this process.
	Path string
	Args []string
	Env  []string
	// Log is the file that its output is appended to.
	Log string
	// Ready returns nil once the process does its work.
	Ready func(context.Context) error

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // why it exited; to be read after exited is closed
}

// Start starts the process and waits until it is ready. A process that is not ready in time is killed.
func (p *Process) Start(ctx context.Context) error {
	if err := p.launch(); err != nil {
		return err
	}
	if err := p.WaitReady(ctx); err != nil {
		p.Kill()
		return err
	}
	return nil
}

func (p *Process) launch() error {
	if p.Running() {
		return fmt.Errorf("start %s: it runs already", p.Name)
	}
	if err := os.MkdirAll(filepath.Dir(p.Log), 0o750); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer out.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = childAttributes()
	if err := startOnLastingThread(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return nil
}

// WaitReady waits until the process is ready, has exited, or a minute has passed.
func (p *Process) WaitReady(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, readyInterval, readyTimeout, true, func(ctx context.Context) (bool, error) {
		if !p.Running() {
			return false, fmt.Errorf("it exited: %w", errors.Join(p.err, errors.New("its log ends:\n"+Tail(p.Log, 20))))
		}
		last = p.Ready(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", p.Name, errors.Join(err, last))
	}
	return nil
}

// Running reports whether the process was started and has not exited.
func (p *Process) Running() bool {
	if p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID returns the process's id; it may be asked for after Start only.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has exited.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop asks the process to end and waits until it did; it is killed after half a minute. The error is why it did not end
// well.
func (p *Process) Stop() error {
	if !p.Running() {
		return nil
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.Kill()
		return fmt.Errorf("stop %s: not ended after %v, killed", p.Name, stopTimeout)
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %w", p.Name, p.err)
	}
	return nil
}

// Kill kills the process between two instructions, as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	if p.Running() {
		p.signal(syscall.SIGKILL)
		<-p.exited
	}
}

// Pause stops the process from running at all; its sockets stay open. Resume lets it go on.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on. It does nothing with a process that was never started.
func (p *Process) Resume() {
	if p.cmd != nil {
		p.signal(syscall.SIGCONT)
	}
}

// signal reaches the process's whole group. It is no error if the group has no process left.
func (p *Process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// startOnLastingThread starts a command on one thread that lives as long as this process: Linux sends the signal for a
// end of a parent when the parent's thread ends, and Go ends threads as it likes.
func startOnLastingThread(cmd *exec.Cmd) error {
	result := make(chan error)
	lastingThread() <- func() { result <- cmd.Start() }
	return <-result
}

var lastingThread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})
