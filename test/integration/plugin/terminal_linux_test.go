package plugin

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// session is a run of the plugin in a terminal.
type session struct {
	keyboard io.Writer
	screen   *output
	cmd      *exec.Cmd
}

// inTerminal starts the plugin in a terminal of its own, as a user does.
func inTerminal(t *testing.T, env []string, args ...string) *session {
	t.Helper()
	binary, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(append(os.Environ(), "KUBECONFIG="+framework.Deployed.Kubeconfig, "KUBECACHEDIR="+t.TempDir(), "TERM=xterm"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &session{keyboard: ours, screen: &output{}, cmd: cmd}
	go func() { _, _ = io.Copy(s.screen, ours) }()
	return s
}

// openTerminal returns both ends of a terminal: that of the user and that of the program.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(ours.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// wait waits until the screen shows a text.
func (s *session) wait(t *testing.T, text string) {
	t.Helper()
	framework.Eventually(t, "the terminal shows "+text, func(context.Context) error {
		if !strings.Contains(s.screen.String(), text) {
			return fmt.Errorf("it shows\n%s", s.screen.String())
		}
		return nil
	})
}

// press presses keys.
func (s *session) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.keyboard, keys); err != nil {
		t.Fatal(err)
	}
}

// end waits until the plugin has ended, and returns its exit code.
func (s *session) end(t *testing.T) int {
	t.Helper()
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// TestSecretIsAskedForInATerminal protects secrets from those who look at the screen, users who give up, and those who paste an access token: a line is all
// that a prompt takes.
func TestSecretIsAskedForInATerminal(t *testing.T) {
	t.Parallel()
	namespace := framework.NewNamespace(t)
	args := []string{"create", "endpoint", "fastpix", "--namespace", namespace, "--timeout", "0"}

	stopped := inTerminal(t, nil, append(args, "--signing-secret-file", "-")...)
	stopped.wait(t, "Paste the signing secret and press Enter.")
	stopped.press(t, "half a secret\x03")
	stopped.wait(t, "interrupted")
	if code := stopped.end(t); code != 1 || strings.Contains(stopped.screen.String(), "half") {
		t.Errorf("after Ctrl-C it exits with %d and shows\n%s", code, stopped.screen)
	}

	stored := inTerminal(t, nil, append(args, "--signing-secret-file", "-")...)
	stored.wait(t, "It is not shown: ")
	stored.press(t, fixtures.SigningSecret+"\r")
	if code := stored.end(t); code != 0 || strings.Contains(stored.screen.String(), fixtures.SigningSecret) {
		t.Errorf("it exits with %d and shows\n%s", code, stored.screen)
	}
	if secret := readSecret(t, namespace, "fastpix-signing-secret"); string(secret.Data["signing-secret"]) != fixtures.SigningSecret {
		t.Error("another secret is stored")
	}

	token := inTerminal(t, nil, append(args, "--api-credentials-file", "-")...)
	token.wait(t, "Paste the token id of the access token")
	token.press(t, "the-id\rsecret-key=the-key\r") // pasted at once
	token.wait(t, "Paste the secret key of the access token")
	if code := token.end(t); code != 0 || strings.Contains(token.screen.String(), "the-key") {
		t.Errorf("it exits with %d and shows\n%s", code, token.screen)
	}
	if secret := readSecret(t, namespace, "fastpix-api-credentials"); string(secret.Data["token-id"]) != "the-id" || string(secret.Data["secret-key"]) != "the-key" {
		t.Error("another access token is stored")
	}
}

// TestColoursAreForTerminals protects logs and users who want no colours: there are colours in a terminal, and neither with NO_COLOR nor elsewhere.
func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	namespace := framework.NewNamespace(t)
	framework.Create(t, framework.MakeEndpoint(namespace, "fastpix")) // its Secret is missing
	args := []string{"doctor", "--probe=false", "--namespace", namespace}
	const escape = "\x1b["
	coloured := inTerminal(t, []string{"NO_COLOR="}, args...)
	coloured.end(t)
	coloured.wait(t, escape+"31m")
	plain := inTerminal(t, []string{"NO_COLOR=1"}, args...)
	plain.end(t)
	plain.wait(t, "RESULT")
	if strings.Contains(plain.screen.String(), escape) {
		t.Errorf("with NO_COLOR it shows\n%s", plain.screen)
	}
	if got := run(t, args...); strings.Contains(got.out+got.problem, escape) {
		t.Errorf("without a terminal it prints\n%s%s", got.out, got.problem)
	}
}
