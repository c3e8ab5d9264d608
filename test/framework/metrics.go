package framework

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// CheckMetric returns nil if a metric without labels has the wanted value.
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
