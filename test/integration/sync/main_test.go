package sync

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// At level 2 the log follows single events: what holds for it holds for the shorter log of level 0.
func TestMain(m *testing.M) { framework.Main(m, "--zap-log-level=2") }
