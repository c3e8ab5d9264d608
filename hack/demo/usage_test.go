package main

import (
	"regexp"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// TestUsageShowsCommandsOfThePlugin protects what the demo prints at its end: it shows three commands of the plugin, and each exists.
func TestUsageShowsCommandsOfThePlugin(t *testing.T) {
	t.Parallel()
	root := plugin.NewCommand(cli.NewOptions(genericiooptions.NewTestIOStreamsDiscard(), "", time.Now))
	shown := regexp.MustCompile(`(?m)^  kubectl fastpix (\w+)`).FindAllStringSubmatch(usage.Root.String(), -1)
	if len(shown) < 3 {
		t.Errorf("it shows %v", shown)
	}
	for _, command := range shown {
		if cmd, _, err := root.Find(command[1:]); err != nil || cmd == root {
			t.Errorf("there is no command %s (%v)", command[1], err)
		}
	}
}
