package process

import (
	"syscall"
)

// childAttributes put a child into a process group of its own, so that Ctrl-C in a terminal reaches only the parent, which
// ends its children in order; and let the kernel kill the child when the parent is gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
