package meter

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func TestAuditLogIsCountedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	const write = `{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:fastpix-system:fastpix-controller-manager"},` +
		`"objectRef":{"resource":"mediaassets","subresource":"status"},"responseStatus":{"code":200},"stageTimestamp":"2026-11-20T09:00:00.5Z"}` + "\n"
	const watch = `{"stage":"ResponseStarted","verb":"watch","user":{"username":"system:serviceaccount:fastpix-system:fastpix-receiver"},` +
		`"objectRef":{"resource":"webhookendpoints"},"responseStatus":{"code":200}}` + "\n"
	content := write + watch + write[:40]
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	a := AuditLog{File: file}
	r, err := a.Read()
	if err != nil {
		t.Fatal(err)
	}
	if r.Of(tenant.ControllersAccount) != 1 || r.Of(tenant.ReceiverAccount, tenant.ControllersAccount) != 2 || r.LastStatus.Nanosecond() != 5e8 {
		t.Errorf("the first reading counts %v, last write %v", r.Count, r.LastStatus)
	}
	if err := os.WriteFile(file, []byte(content+write[40:]), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = a.Read(); err != nil || r.Of(tenant.ControllersAccount) != 1 || r.Of(tenant.ReceiverAccount) != 0 {
		t.Errorf("the second reading counts %v, error %v", r.Count, err)
	}
}
