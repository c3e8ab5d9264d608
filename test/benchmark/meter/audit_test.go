package meter

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func TestAuditLogIsCountedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	const write = `{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:fastpix-system:fastpix-controller-manager"},` +
		`"objectRef":{"resource":"mediaassets","subresource":"status","namespace":"video","name":"m1"},"responseStatus":{"code":200},` +
		`"stageTimestamp":"2026-11-20T09:00:00.5Z"}` + "\n"
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

// TestFirstStatusOfEachMedia protects the time to mirrored: a later write of the same mirror is not what a webhook waited for.
func TestFirstStatusOfEachMedia(t *testing.T) {
	t.Parallel()
	r := Requests{Count: map[Request]int{}, FirstStatus: map[types.NamespacedName]time.Time{}}
	add := func(name, user string, second, code int) {
		line := fmt.Sprintf(`{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:fastpix-system:%s"},`+
			`"objectRef":{"resource":"mediaassets","subresource":"status","namespace":"video","name":%q},"responseStatus":{"code":%d},`+
			`"stageTimestamp":"2026-11-20T09:00:0%dZ"}`, user, name, code, second)
		if err := r.add([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	add("m1", tenant.ControllersAccount, 1, 409)
	add("m1", "floor", 1, 200)
	add("m1", tenant.ControllersAccount, 3, 200)
	add("m1", tenant.ControllersAccount, 2, 200)
	add("m1", tenant.ControllersAccount, 4, 200)
	add("m2", tenant.ControllersAccount, 5, 200)
	for name, want := range map[string]int{"m1": 2, "m2": 5} {
		if got := r.FirstStatus[types.NamespacedName{Namespace: "video", Name: name}]; got.Second() != want {
			t.Errorf("the first status of %s is of %v, want second %d", name, got, want)
		}
	}
}
