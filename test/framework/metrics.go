package framework

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// These tests protect what happens when events come faster than they are mirrored, or cannot be kept: nothing is promised that cannot be
// held, no process takes more memory than it has, and everything goes on by itself.

// CheckMetric returns nil if a metric without labels has a value.
func CheckMetric(ctx context.Context, o *controlplane.Operator, name string, want float64) error {
	metrics, err := Deployed.Metrics(ctx, o)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(metrics)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if got, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || got != want {
				return fmt.Errorf("%s is %s, want %v", name, strings.TrimSpace(value), want)
			}
			return nil
		}
	}
	return fmt.Errorf("there is no metric %s", name)
}
