package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestStatusShowsEndpointsAndWhatToDo protects the first command of every search for a fault: an endpoint that is well, and one whose Secret is missing with
// the commands of its condition.
func TestStatusShowsEndpointsAndWhatToDo(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Create(t, framework.MakeEndpoint(e.Namespace, "broken"))
	broken := framework.MakeEndpoint(e.Namespace, "later")
	broken.Spec.SigningSecrets[0].Name = "missing"
	framework.Create(t, broken)
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	var got result
	framework.Eventually(t, "the status is complete", func(context.Context) error {
		got = run(t, "status", "--namespace", e.Namespace)
		if words := strings.Join(strings.Fields(got.out), " "); strings.Contains(words, "later SecretForbidden") && strings.Contains(words, "broken True") {
			return nil
		}
		return errors.New(got.out)
	})
	if got.code != 3 {
		t.Errorf("it exits with %d", got.code)
	}
	wantLines(t, got.out, "NAME READY SYNCED LAST EVENT PENDING FAILED", "fastpix True - ", "later SecretForbidden - <none> 0 0",
		e.Namespace+"/later: Ready is False, SecretForbidden", "kubectl -n "+e.Namespace+" create rolebinding",
		e.Namespace+"/broken: no event has arrived yet", "OPERATOR PODS READY VERSION LEADER", "receiver 0/2 dev -", "CRDs - fit this plugin -",
		"operator: 0 of 2 pods of the receiver are ready", "kubectl --namespace fastpix-system describe deployment fastpix-receiver")
}

// TestStatusFormats protects scripts: JSON has what the table shows, and names are those of kubectl.
func TestStatusFormats(t *testing.T) {
	e := framework.NewEndpoint(t)
	var report struct {
		Kind      string
		Endpoints []struct {
			Namespace, Name, Ready string
			Problems               []string
		}
		Operator struct {
			Leaders []struct{ Component string }
		}
	}
	got := run(t, "status", "fastpix", "--namespace", e.Namespace, "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Endpoints) != 1 || report.Endpoints[0].Ready != "True" || len(report.Endpoints[0].Problems) > 0 || len(report.Operator.Leaders) != 2 || report.Kind != "Status" {
		t.Errorf("the report is %+v", report)
	}
	all := run(t, "status", "-A", "--no-headers", "-o", "wide")
	wantLines(t, all.out, e.Namespace+" fastpix True")
	if strings.Contains(all.out, "NAMESPACE") {
		t.Error("--no-headers prints headers")
	}
	if names := run(t, "status", "--namespace", e.Namespace, "-o", "name"); names.out != "webhookendpoint.video.fastpix.com/fastpix\n" {
		t.Errorf("-o name prints %q", names.out)
	}
}

// TestStatusNeedsNoRightsInTheOperatorsNamespace protects users of one namespace: they see their endpoints, and which right they would need to see more.
func TestStatusNeedsNoRightsInTheOperatorsNamespace(t *testing.T) {
	e := framework.NewEndpoint(t)
	wantMissingRight(t, e.Namespace, "list webhookendpoints.video.fastpix.com in namespace "+e.Namespace, "status", "--namespace", e.Namespace)
	wantMissingRight(t, e.Namespace, "list webhookendpoints.video.fastpix.com in the whole cluster", "status", "-A")
	may := user(t, e.Namespace, rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints"}, Verbs: []string{"list"}})
	got := call{kubeconfig: may, args: []string{"status", "--namespace", e.Namespace}}.run(t)
	wantLines(t, got.out, "fastpix True -")
	if got.code != 0 || !strings.Contains(got.problem, "The operator is not shown: you need the right to list deployments.apps in namespace fastpix-system") {
		t.Errorf("it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
}
