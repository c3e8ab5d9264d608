// These tests protect what Flux and Argo CD conclude from the conditions of the three kinds, and the examples of config/gitops.
package gitops

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// verdict is what Flux's library and Argo CD's health check say of one object.
type verdict struct {
	kstatus status.Status
	argo    string
}

// The four things that can be concluded.
var (
	inProgress = verdict{status.InProgressStatus, "Progressing"}
	healthy    = verdict{status.CurrentStatus, "Healthy"}
	failed     = verdict{status.FailedStatus, "Degraded"}
	suspended  = verdict{status.FailedStatus, "Suspended"}
)

// judge returns what is concluded from an object, with the given health checks of Argo CD.
func judge(t *testing.T, checks map[string]string, object map[string]any) verdict {
	t.Helper()
	u := &unstructured.Unstructured{Object: object}
	result, err := status.Compute(u)
	if err != nil {
		t.Fatal(err)
	}
	health := argoHealth(t, checks[u.GetKind()], object)
	if health.Message == "" {
		t.Errorf("Argo CD is told nothing about why %s is %s", u.GetKind(), health.Status)
	}
	return verdict{result.Status, health.Status}
}

// health is what a health check returns.
type health struct{ Status, Message string }

// argoHealth runs a health check as Argo CD does: with the object as obj, and with no library but base, package and table.
func argoHealth(t *testing.T, script string, object map[string]any) health {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	l.SetContext(t.Context())
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			t.Fatal(err)
		}
	}
	l.SetGlobal("obj", toLua(l, asJSON(t, object)))
	if err := l.DoString(script); err != nil {
		t.Fatalf("the health check fails: %v", err)
	}
	returned, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the health check returns a %s", l.Get(-1).Type())
	}
	return health{lua.LVAsString(returned.RawGetString("status")), lua.LVAsString(returned.RawGetString("message"))}
}

// asJSON returns a value as it is after a way through JSON, on which Argo CD gets it.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(b, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func toLua(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		table := l.NewTable()
		for _, element := range v {
			table.Append(toLua(l, element))
		}
		return table
	case map[string]any:
		table := l.NewTable()
		for name, field := range v {
			table.RawSetString(name, toLua(l, field))
		}
		return table
	}
	return lua.LNil
}

// argoChecks returns the health checks of a ConfigMap by kind.
func argoChecks(t *testing.T, configMap []byte) map[string]string {
	t.Helper()
	var read corev1.ConfigMap
	if err := yaml.UnmarshalStrict(configMap, &read); err != nil {
		t.Fatal(err)
	}
	checks := map[string]string{}
	for _, kind := range []string{"MediaAsset", "LiveStream", "WebhookEndpoint"} {
		check := read.Data["resource.customizations.health.video.fastpix.com_"+kind]
		if check == "" {
			t.Fatalf("no health check of %s among %v", kind, slices.Sorted(maps.Keys(read.Data)))
		}
		checks[kind] = check
	}
	return checks
}
