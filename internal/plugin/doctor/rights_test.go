package doctor

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"sigs.k8s.io/yaml"
)

// The doctor must ask for the rights that config/rbac grants, and for no others: a right that only one of the two has would be a false alarm or a missed fault.
func TestNeedsAreTheRightsOfTheManifests(t *testing.T) {
	t.Parallel()
	for component, folder := range map[string]string{"receiver": "receiver", "controllers": "controllers", "syncer": "syncer"} {
		text, err := os.ReadFile("../../../config/rbac/" + folder + "/role.yaml")
		if err != nil {
			t.Fatal(err)
		}
		granted := map[string]bool{}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var role rbacv1.Role // a ClusterRole has the same rules
			if err := yaml.Unmarshal(document, &role); err != nil {
				t.Fatal(err)
			}
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						granted[fmt.Sprintf("%s %s.%s, own namespace %v", verb, resource, rule.APIGroups[0], role.Kind == "Role")] = true
					}
				}
			}
		}
		asked := map[string]bool{}
		for _, n := range needs[component] {
			for _, verb := range n.verbs {
				asked[fmt.Sprintf("%s %s.%s, own namespace %v", verb, n.resource, n.group, n.own)] = true
			}
		}
		want, got := slices.Sorted(maps.Keys(granted)), slices.Sorted(maps.Keys(asked))
		if len(want) < 8 || !slices.Equal(want, got) {
			t.Errorf("%s: the manifests and the doctor differ:\n%s", component, diff.Diff(want, got))
		}
	}
}
