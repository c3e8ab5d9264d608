package firstrun

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

func TestMain(m *testing.M) { framework.RunInRoot(m) }

// programs are what every test needs of a control plane.
var programs = []string{"etcd", "kube-apiserver", "kubectl"}

// minor is the version of Kubernetes that the tests need.
var minor = func() string {
	text, err := os.ReadFile("../../../hack/kubernetes/go.mod")
	if err != nil {
		panic(err)
	}
	return string(regexp.MustCompile(`k8s\.io/kubernetes v(1\.\d+)`).FindSubmatch(text)[1])
}()

// machine is an environment for hack/kubernetes/get.sh: a machine that has nothing but Go.
type machine struct {
	t      *testing.T
	assets string // the real programs
	out    string // where get.sh puts programs
	home   string // where setup-envtest keeps versions
	path   string
	index  string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, assets: assets, out: filepath.Join(t.TempDir(), "k8s"), home: t.TempDir(), path: t.TempDir(), index: "http://127.0.0.1:1/index.yaml"}
	t.Cleanup(func() { // setup-envtest makes its folders read-only
		_ = filepath.WalkDir(m.home, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
	})
	m.fakeCompiler()
	return m
}

// fakeCompiler puts a command go before the real one. It is the real one, but does not compile Kubernetes, which takes minutes: it copies the
// program that was compiled before.
func (m *machine) fakeCompiler() {
	m.t.Helper()
	compiler, err := exec.LookPath("go")
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(filepath.Join(m.path, "go"), fmt.Sprintf(`#!/usr/bin/env bash
all=$*
case $all in
"build "*k8s.io/kubernetes/* | "build "*go.etcd.io/*)
	out=${all##* -o } && out=${out%%%% *} && name=${out##*/.}
	exec cp "%s/${name%%.partial*}" "$out" ;;
"mod download") exit ;;
esac
exec "%s" "$@"
`, m.assets, compiler))
}

func (m *machine) write(file, content string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
		m.t.Fatal(err)
	}
}

// link makes the real programs appear in a folder too.
func (m *machine) link(folder string, names ...string) {
	m.t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		m.t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Symlink(filepath.Join(m.assets, name), filepath.Join(folder, name)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// store returns the folder of a version in the store of setup-envtest.
func (m *machine) store(version string) string {
	if runtime.GOOS != "linux" {
		m.t.Skip("the store has another name on " + runtime.GOOS)
	}
	return filepath.Join(m.home, "kubebuilder-envtest", "k8s", version+"-"+runtime.GOOS+"-"+runtime.GOARCH)
}

// get runs get.sh and returns what it printed. Every program must then run.
func (m *machine) get(env ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "hack/kubernetes/get.sh", m.out)
	cmd.Env = append(os.Environ(), "PATH="+m.path+":"+os.Getenv("PATH"), "XDG_DATA_HOME="+m.home, "ENVTEST_INDEX="+m.index, "K8S_FROM=")
	cmd.Env = append(cmd.Env, env...)
	printed, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%v\n%s", err, printed)
	}
	for _, program := range programs {
		arguments := []string{"--version"}
		if program == "kubectl" {
			arguments = []string{"version", "--client"}
		}
		if out, err := exec.CommandContext(m.t.Context(), filepath.Join(m.out, program), arguments...).CombinedOutput(); err != nil {
			m.t.Errorf("%s does not run: %v: %s", program, err, out)
		}
	}
	m.t.Logf("%s", printed)
	return string(printed)
}

// from checks that a line says that programs came from a source, with the time that it took.
func (m *machine) from(printed, source string, names ...string) {
	m.t.Helper()
	list := make([]string, 0, len(names))
	for _, name := range names {
		list = append(list, name+` v[\d.]+\S*`)
	}
	line := "(?m)^control plane: " + strings.Join(list, ", ") + ": " + source + ` \(\d+\.\d s\)$`
	if !regexp.MustCompile(line).MatchString(printed) {
		m.t.Errorf("no line matches %s in\n%s", line, printed)
	}
}

// TestProgramsInPathAreUsed checks that a program in PATH is taken if its version fits, and remembered.
func TestProgramsInPathAreUsed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.link(m.path, programs...)
	m.from(m.get(), "found in PATH", programs...)
	again := m.get()
	m.from(again, "found or downloaded before", programs...)
	if strings.Contains(again, "in PATH") {
		t.Errorf("the second run looked again:\n%s", again)
	}
}

// TestProgramsOfAnotherVersionAreNotUsed checks that the tests do not run on whatever Kubernetes is installed. The other programs are still
// taken, and only this one is built.
func TestProgramsOfAnotherVersionAreNotUsed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.link(m.path, "etcd", "kubectl")
	m.write(filepath.Join(m.path, "kube-apiserver"), "#!/bin/sh\necho Kubernetes v1.36.4\n")
	m.link(m.store("1.36.4"), programs...)
	printed := m.get()
	m.from(printed, "found in PATH", "etcd", "kubectl")
	m.from(printed, "built from modules", "kube-apiserver")
	if !strings.Contains(printed, "step 2 of 2: building kube-apiserver (") {
		t.Errorf("it does not show the steps:\n%s", printed)
	}
}

// TestStoreOfSetupEnvtestIsUsed checks that the newest fitting version that setup-envtest downloaded for other projects is taken.
func TestStoreOfSetupEnvtestIsUsed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, patch := range []string{".0", ".9", ".10"} {
		m.link(m.store(minor+patch), programs...)
	}
	m.from(m.get(), "found where setup-envtest keeps them", programs...)
	if target, err := os.Readlink(filepath.Join(m.out, "etcd")); err != nil || filepath.Dir(target) != m.store(minor+".10") {
		t.Errorf("etcd is %s (%v)", target, err)
	}
}

// TestControlPlaneIsDownloaded checks the download, and starts what was downloaded.
func TestControlPlaneIsDownloaded(t *testing.T) {
	m := newMachine(t)
	m.index = serveIndex(t, m.assets, false)
	// A version of which only a part was unpacked, because an earlier run was interrupted.
	m.write(filepath.Join(m.store(minor+".99"), "etcd"), "")
	m.from(m.get(), "downloaded by setup-envtest", programs...)
	if target, err := filepath.EvalSymlinks(filepath.Join(m.out, "kube-apiserver")); err != nil || filepath.Dir(target) != m.store(minor+".99") {
		t.Errorf("kube-apiserver is %s (%v)", target, err)
	}
	t.Setenv("KUBEBUILDER_ASSETS", m.out)
	c, err := controlplane.Start(t.Context(), controlplane.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestSpoiledDownloadIsRefused checks that an archive without the hash of the index is not used.
func TestSpoiledDownloadIsRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.index = serveIndex(t, m.assets, true)
	printed := m.get()
	m.from(printed, "built from modules", programs...)
	if !strings.Contains(printed, "checksum mismatch") {
		t.Errorf("it does not say why the download failed:\n%s", printed)
	}
	if _, err := os.Stat(m.store(minor + ".99")); err == nil {
		t.Error("the archive was unpacked")
	}
}

// TestDownloadIsGivenUp checks that a network that answers nothing costs at most 20 seconds, and only once an hour. Then everything is built, and
// the progress is shown.
func TestDownloadIsGivenUp(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	// The compiler does not count, but a build with an empty cache would make the test slow.
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "hack/kubernetes/envtest", "build", "-o", os.DevNull, "sigs.k8s.io/controller-runtime/tools/setup-envtest").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.index = serveNothing(t)
	printed := m.get()
	m.from(printed, "built from modules", programs...)
	if seconds := regexp.MustCompile(`given up after (\d+) s`).FindStringSubmatch(printed); seconds == nil || len(seconds[1]) > 2 || seconds[1] > "20" {
		t.Errorf("it was given up after %v", seconds)
	}
	for _, want := range []string{"no download by setup-envtest: nothing arrived for 10 seconds (given up after ", "step 4 of 4: building kubectl (", "etcd took", "all 4 steps are done"} {
		if !strings.Contains(printed, want) {
			t.Errorf("it does not print %q:\n%s", want, printed)
		}
	}
	for _, program := range programs {
		if err := os.Remove(filepath.Join(m.out, program)); err != nil {
			t.Fatal(err)
		}
	}
	if printed := m.get(); !strings.Contains(printed, "not downloaded, because that failed within the last hour") {
		t.Errorf("the second run tried again:\n%s", printed)
	}
}

// TestInterruptEndsEverything checks Ctrl-C during the download: nothing is built after it.
func TestInterruptEndsEverything(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.index = serveNothing(t)
	cmd := exec.CommandContext(t.Context(), "hack/kubernetes/get.sh", m.out)
	cmd.Env = append(os.Environ(), "PATH="+m.path+":"+os.Getenv("PATH"), "XDG_DATA_HOME="+m.home, "ENVTEST_INDEX="+m.index, "K8S_FROM=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal sends the signal to the whole group
	printed := &interruptAt{text: "downloading, ", interrupt: func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }}
	cmd.Stdout, cmd.Stderr = printed, printed
	err := cmd.Run()
	if got := printed.written.String(); !printed.done || err == nil || strings.Contains(got, "step ") || strings.Contains(got, "built from modules") {
		t.Errorf("interrupted: %v; it ends with %v and prints\n%s", printed.done, err, got)
	}
}

// interruptAt keeps what is written, and interrupts the writer when a text is written.
type interruptAt struct {
	written   bytes.Buffer
	text      string
	interrupt func()
	done      bool
}

func (w *interruptAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.text)) && !w.done {
		w.done = true
		w.interrupt()
	}
	return w.written.Write(p)
}

// TestCIUsesThePinnedVersion checks that CI depends on nothing that is installed.
func TestCIUsesThePinnedVersion(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.link(m.path, programs...)
	m.from(m.get("K8S_FROM=modules"), "built from modules", programs...)
	cmd := exec.CommandContext(t.Context(), "hack/kubernetes/get.sh", m.out)
	cmd.Env = append(os.Environ(), "K8S_FROM=module")
	if printed, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(printed), "use modules") {
		t.Errorf("with another value: %v\n%s", err, printed)
	}
	text, err := os.ReadFile(".ci/run")
	if err != nil || !strings.Contains(string(text), "export K8S_FROM=modules\n") {
		t.Errorf(".ci/run does not set K8S_FROM (%v)", err)
	}
}

// TestGivenControlPlaneIsUsed checks that make uses KUBEBUILDER_ASSETS, whatever there is in PATH, and says so.
func TestGivenControlPlaneIsUsed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	given := filepath.Join(t.TempDir(), "Application Support") // the store of setup-envtest on macOS has a space
	m.link(given, programs...)
	run := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "k8s-given", "KUBEBUILDER_ASSETS="+given)
		printed, err := cmd.CombinedOutput()
		return string(printed), err
	}
	printed, err := run()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	m.from(printed, "from KUBEBUILDER_ASSETS", programs...)
	for _, target := range []string{"demo", "test"} {
		plan, err := exec.CommandContext(t.Context(), "make", "--dry-run", target, "KUBEBUILDER_ASSETS="+given).CombinedOutput()
		if err != nil || !strings.Contains(string(plan), "get.sh -show \""+given+"\"") {
			t.Errorf("make %s does not use it: %v\n%s", target, err, plan)
		}
	}
	if err := os.Remove(filepath.Join(given, "etcd")); err != nil {
		t.Fatal(err)
	}
	if printed, err := run(); err == nil || !strings.Contains(printed, "which has no etcd") {
		t.Errorf("without etcd: %v\n%s", err, printed)
	}
}
