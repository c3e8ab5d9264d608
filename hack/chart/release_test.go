package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestReleasedChartNamesItsImage checks the chart of a release: it needs no values, its objects have the version of the release as a label,
// and packing it twice gives the same bytes.
func TestReleasedChartNamesItsImage(t *testing.T) {
	t.Parallel()
	for version, file := range map[string]string{
		"v1.2.3":         "fastpix-operator-1.2.3.tgz",
		"v1.2.3-rc.1":    "fastpix-operator-1.2.3-rc.1.tgz",
		"6333e95-dirty":  "fastpix-operator-0.0.0-6333e95-dirty.tgz",
		"release_candid": "fastpix-operator-0.0.0-release-candid.tgz",
		"0123456":        "fastpix-operator-0.0.0-g0123456.tgz", // a semantic version has no number that begins with 0
		"v1.2.3-01":      "fastpix-operator-0.0.0-1-2-3-01.tgz",
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			var archives [2]string
			for i := range archives {
				folder := t.TempDir()
				cmd := exec.CommandContext(t.Context(), inRoot(t, "hack/release/chart.sh"), inRoot(t, "."), folder)
				cmd.Env = append(os.Environ(), "VERSION="+version, "IMG=registry.example:5000/video/fastpix:"+version, "SOURCE_DATE_EPOCH=1")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				archives[i] = filepath.Join(folder, file)
			}
			first, err := os.ReadFile(archives[0])
			if err != nil {
				t.Fatal(err)
			}
			if second, err := os.ReadFile(archives[1]); err != nil || string(second) != string(first) {
				t.Errorf("packed twice, the chart differs (%v)", err)
			}
			all := parsed(t, mustHelm(t, "", "template", "release", archives[0], "--namespace", namespace))
			for path, want := range map[string]string{
				container + ".image}":                            "registry.example:5000/video/fastpix:" + version,
				`{.metadata.labels.app\.kubernetes\.io/version}`: version,
				`{.metadata.labels.helm\.sh/chart}`:              file[:len(file)-len(".tgz")],
			} {
				if got := field(t, all[receiver].Object, path); got != want {
					t.Errorf("%s is %q, want %q", path, got, want)
				}
			}
		})
	}
}
