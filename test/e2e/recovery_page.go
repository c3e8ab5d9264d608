package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// recoveryPage is the page whose commands the disasters run.
const recoveryPage = "docs/disaster-recovery.md"

// blocksOf returns the blocks of commands in a section of a page: lines that are indented by four spaces, or by seven in a list.
func blocksOf(page, heading string) ([]string, error) {
	_, section, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		return nil, fmt.Errorf("%s has no section %q", recoveryPage, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	inBlock := false
	for line := range strings.Lines(section) {
		isCommand := strings.HasPrefix(line, "    ")
		switch {
		case isCommand && inBlock:
			blocks[len(blocks)-1] += strings.TrimLeft(line, " ")
		case isCommand && !inBlock:
			blocks = append(blocks, strings.TrimLeft(line, " "))
		}
		inBlock = isCommand
	}
	return blocks, nil
}

// guide runs the commands of the page as a user would, in a folder with a link to config.
type guide struct {
	*e2e
	folder string
	page   string
	env    []string // the secrets that the page asks for
}

func (e *e2e) newGuide() (*guide, error) {
	text, err := os.ReadFile(filepath.Join(e.root, recoveryPage))
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "fastpix-disaster-")
	if err != nil {
		return nil, err
	}
	return &guide{e2e: e, folder: folder, page: string(text)}, os.Symlink(filepath.Join(e.root, "config"), filepath.Join(folder, "config"))
}

// follow runs one block of a section, and prints its commands with what they print.
func (g *guide) follow(ctx context.Context, heading string, block int) error {
	blocks, err := blocksOf(g.page, heading)
	if err != nil {
		return err
	}
	if block >= len(blocks) {
		return fmt.Errorf("section %q of %s has no block %d", heading, recoveryPage, block)
	}
	started := time.Now()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", blocks[block])
	cmd.Dir = g.folder
	path := strings.Join([]string{filepath.Dir(g.kubectl), filepath.Join(g.root, "bin", "node"), os.Getenv("PATH")}, string(os.PathListSeparator))
	cmd.Env = append(append(os.Environ(), "KUBERC=off", "PATH="+path), g.env...)
	out, err := cmd.CombinedOutput()
	fmt.Printf("\n%s, commands %d:\n%s--- printed, after %.1f s:\n%s", heading, block+1, blocks[block], time.Since(started).Seconds(), out)
	if err != nil {
		return errors.Join(fmt.Errorf("section %q, commands %d: %w", heading, block+1, err), fmt.Errorf("%s", out))
	}
	return nil
}

// close removes the folder.
func (g *guide) close() error { return os.RemoveAll(g.folder) }
