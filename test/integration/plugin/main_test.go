package plugin

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

func TestMain(m *testing.M) { framework.Main(m) }
