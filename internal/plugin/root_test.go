package plugin

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

var update = flag.Bool("update", false, "write the golden files of the help")

// TestHelpIsGolden protects the help of every command from changes that nobody looked at. With -update it writes the golden files.
func TestHelpIsGolden(t *testing.T) {
	golden := map[string]bool{}
	for _, path := range commandPaths(NewCommand(options(genericiooptions.NewTestIOStreamsDiscard()))) {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		if code := Run(t.Context(), "dev", append(path, "--help"), streams); code != 0 {
			t.Errorf("%v --help exits with %d", path, code)
		}
		file := filepath.Join("testdata", "help", strings.Join(append([]string{"kubectl-fastpix"}, path...), "-")+".txt")
		golden[file] = true
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("the help of %v changed; look at it, then write it with -update:\n%s", path, diff.Diff(string(want), out.String()))
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "help", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !golden[file] {
			t.Errorf("%s is the help of no command", file)
		}
	}
}

// TestEveryCommandHasTwoExamples protects what the help promises: each command that does something says how to use it.
func TestEveryCommandHasTwoExamples(t *testing.T) {
	root := NewCommand(options(genericiooptions.NewTestIOStreamsDiscard()))
	for _, path := range commandPaths(root) {
		cmd, _, err := root.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if examples := strings.Count(cmd.Example, "\n  kubectl fastpix "); cmd.Runnable() && examples < 2 {
			t.Errorf("%s has %d examples", cmd.CommandPath(), examples)
		}
		if cmd.Short == "" || cmd.Long == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s has no description, or a short one with a full stop", cmd.CommandPath())
		}
	}
}

// TestWrongUseSaysWhereTheHelpIs protects the exit code of wrong flags and arguments, which no cluster is asked about.
func TestWrongUseSaysWhereTheHelpIs(t *testing.T) {
	for _, args := range [][]string{{"versions"}, {"version", "--nothing"}, {"version", "too", "many"}, {"version", "--client", "-o", "name"}, {"create", "endpiont", "fastpix"}, {"simulate", "video.media.ready", "--url", "ftp://user:secret@host"}} {
		streams, _, out, problem := genericiooptions.NewTestIOStreams()
		if code := Run(t.Context(), "dev", args, streams); code != 2 {
			t.Errorf("%v exits with %d", args, code)
		}
		if !strings.HasPrefix(problem.String(), "error: ") || !strings.Contains(problem.String(), "--help' for help.") || out.Len() > 0 || strings.Contains(problem.String(), "secret") {
			t.Errorf("%v prints %q and %q", args, out, problem)
		}
	}
}

func options(streams genericiooptions.IOStreams) *cli.Options {
	return cli.NewOptions(streams, "dev", func() time.Time { return time.Unix(0, 0) })
}

// commandPaths returns the arguments that lead to each command, beginning with the root.
func commandPaths(cmd *cobra.Command) [][]string {
	paths := [][]string{strings.Fields(cmd.CommandPath())[2:]}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			paths = append(paths, commandPaths(child)...)
		}
	}
	return paths
}
