// This test protects alerts without a fault: each alert of the rules was seen to fire.
package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

func TestEachAlertHasAFault(t *testing.T) {
	t.Parallel()
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config/prometheus/rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var groups ruleGroups
	if err := yaml.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	var induced []string
	for _, f := range faults {
		induced = append(induced, f.alerts...)
	}
	slices.Sort(induced)
	if alerts := groups.alerts(); !slices.Equal(alerts, induced) || len(alerts) < 15 {
		t.Errorf("the alerts are\n%v\nfaults are for\n%v", alerts, induced)
	}
}
