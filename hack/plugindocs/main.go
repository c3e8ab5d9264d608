// Command plugindocs writes docs/kubectl-fastpix.md from the commands of the plugin of kubectl to standard output, for `make generate`.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

const head = `# kubectl fastpix

<!-- Generated from internal/plugin by make generate; do not edit. -->

` + "`kubectl fastpix`" + ` is a plugin of kubectl. It sets up endpoints, shows how they do, and finds out why something does not work. The [glossary](glossary.md) explains the terms of this page.

## Install it

` + "`make plugin`" + ` builds ` + "`bin/kubectl-fastpix`" + `. Put it into a folder of your PATH, and ` + "`bin/kubectl_complete-fastpix`" + ` beside it: kubectl runs it to complete commands in your shell.
[config/krew](../config/krew/fastpix.yaml) has the manifest for [krew](https://krew.sigs.k8s.io). Nothing is published yet.

## What all commands have

- **Flags of kubectl**: ` + "`--context`, `--namespace`, `--kubeconfig`, `--as`" + ` and so on. ` + "`--operator-namespace`" + ` says where the operator runs, if it is not ` + "`fastpix-system`" + `.
- **Output**: ` + "`-o json|yaml|name|wide`" + ` and the templates of kubectl, where something is printed; ` + "`doctor`, `verify` and `version`" + ` print no objects, and so no names. ` + "`--no-headers`" + ` is for tables. Colours appear only in a terminal, and not if NO_COLOR is set.
- **Rights**: a command works with your rights and needs no others than its work. If one is missing, it says which, and the command that checks it.
- **Secrets**: a command reads a secret from a file or from standard input, never from an argument. No command prints one.

## Exit codes

| code | means |
|---|---|
`

func main() {
	root := plugin.NewCommand(cli.NewOptions(genericiooptions.NewTestIOStreamsDiscard(), "", time.Now))
	fmt.Fprint(os.Stdout, head)
	for code, means := range cli.ExitCodes {
		fmt.Fprintf(os.Stdout, "| %d | %s |\n", code, means)
	}
	fmt.Fprint(os.Stdout, "\n## Commands\n\n| command | what it does |\n|---|---|\n")
	each(root, func(cmd *cobra.Command) {
		fmt.Fprintf(os.Stdout, "| [%s](#%s) | %s |\n", name(cmd), anchor(cmd), cmd.Short)
	})
	each(root, func(cmd *cobra.Command) { write(os.Stdout, cmd) })
}

// each calls a function with every command that does something.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && child.Runnable() {
			do(child)
		}
		each(child, do)
	}
}

func name(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().CommandPath()+" ")
}

func anchor(cmd *cobra.Command) string { return strings.ReplaceAll(name(cmd), " ", "-") }

func write(out io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(out, "\n### %s\n\n    %s\n\n%s\n\n%s\n", name(cmd), cmd.UseLine(), cmd.Long, indent(cmd.Example))
	flags := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if _, common := ofPrinters[f.Name]; !common {
			flags.AddFlag(f)
		}
	})
	if flags.HasAvailableFlags() {
		fmt.Fprint(out, "\n| flag | what it does |\n|---|---|\n")
		flags.VisitAll(func(f *pflag.Flag) { fmt.Fprintf(out, "| `%s` | %s |\n", flag(f), usage(f)) })
	}
}

// ofPrinters are the flags that every command with output has, and that are the same in kubectl.
var ofPrinters = map[string]struct{}{
	"help": {}, "allow-missing-template-keys": {}, "no-headers": {}, "output": {}, "show-managed-fields": {}, "template": {},
}

func flag(f *pflag.Flag) string {
	text := "--" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", " + text
	}
	if varname, _ := pflag.UnquoteUsage(f); varname != "" {
		text += " " + varname
	}
	return text
}

func usage(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0s" {
		text += ". Default: " + f.DefValue
	}
	return strings.ReplaceAll(text, "|", `\|`)
}

// indent makes a code block of examples, which begin with two spaces.
func indent(examples string) string {
	var block strings.Builder
	for line := range strings.Lines(examples) {
		if strings.TrimSpace(line) != "" {
			block.WriteString("  ")
		}
		block.WriteString(line)
	}
	return strings.TrimRight(block.String(), "\n")
}
