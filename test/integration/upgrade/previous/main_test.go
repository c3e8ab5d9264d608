package previous

import (
	"testing"

	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(zap.New())
	framework.RunInRoot(m)
}
