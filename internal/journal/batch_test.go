// These tests protect from acknowledging an event because of an answer that does not come from the API server.
package journal

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

func TestOnlyTheAPIServersAnswerCommits(t *testing.T) {
	t.Parallel()
	batch := newBatch("fastpix-system", time.Unix(1, 0), []*entry{{endpoint: receivertest.Name, record: "a"}})
	created := func(namespace, name, uid string) string {
		return fmt.Sprintf(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"namespace":%q,"name":%q,"uid":%q}}`, namespace, name, uid)
	}
	right, asJSON := created(batch.Namespace, batch.Name, "u1"), http.Header{"Content-Type": {"application/json"}}
	conflict := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"AlreadyExists","code":409}`
	for name, a := range map[string]struct {
		header http.Header
		code   int
		body   string
		want   bool
	}{
		"the batch":             {asJSON, 201, right, true},
		"already exists":        {asJSON, 409, conflict, true},
		"not created":           {asJSON, 200, right, false},
		"another's name":        {asJSON, 201, created(batch.Namespace, "events-2", "u1"), false},
		"another's namespace":   {asJSON, 201, created("video", batch.Name, "u1"), false},
		"without a UID":         {asJSON, 201, created(batch.Namespace, batch.Name, ""), false},
		"a page":                {http.Header{"Content-Type": {"text/html"}}, 200, "<html>", false},
		"a page, 201":           {http.Header{"Content-Type": {"text/html"}}, 201, "<html>", false},
		"nothing":               {nil, 201, "", false},
		"some JSON":             {asJSON, 201, `{"ok":true}`, false},
		"no content":            {nil, 204, "", false},
		"a redirect to a login": {http.Header{"Location": {"/login"}}, 302, "", false},
		"a conflict of a proxy": {http.Header{"Content-Type": {"text/html"}}, 409, "<html>", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			create, err := BatchCreator(&rest.Config{Host: receivertest.Serve(t, a.header, a.code, a.body)}, http.DefaultClient, receivertest.Scheme(), "fastpix-receiver")
			if err != nil {
				t.Fatal(err)
			}
			if err := create(t.Context(), batch.DeepCopy()); isCommitted(err) != a.want {
				t.Errorf("an answer with %s counts as a commit: %v (%v)", name, !a.want, err)
			}
		})
	}
}
