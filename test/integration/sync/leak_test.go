// These tests protect the credentials of the API and the secrets of streams: none of them is anywhere but in the Secret of the user.
package sync

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func TestNothingSecretIsKept(t *testing.T) {
	w := newWorkspace(t)
	w.addMedia(2)
	var markers []string
	for i := range 3 {
		id := fastpixfake.StreamID(i)
		w.PutStream(fastpixfake.NewStream(id, old()))
		markers = append(markers, fastpixfake.Secrets(id)...)
	}
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	row := w.Stream(fastpixfake.StreamID(1))
	row["status"] = "active"
	w.PutStream(row)
	if s := w.run(t); s.Repaired != 1 {
		t.Errorf("the run says %+v", s)
	}
	// Faults make errors, which are logged and shown.
	for _, fault := range []fastpixfake.Fault{fastpixfake.Status(401, ""), fastpixfake.Drop(), fastpixfake.Redirect("http://127.0.0.1:1/"), fastpixfake.Body(`{"success":true,"data":[{"streamKey":1}]}`)} {
		fault.Times = 1
		w.fake.Inject(fault)
		w.run(t)
	}
	w.editSecret(t, w.access.TokenID+" "+w.access.SecretKey, w.access.SecretKey)
	w.run(t)
	framework.WaitJournalEmpty(t)

	basic := http.Request{Header: http.Header{}}
	basic.SetBasicAuth(w.access.TokenID, w.access.SecretKey)
	credentials := []string{w.access.TokenID, w.access.SecretKey}
	for _, c := range append(credentials, strings.TrimPrefix(basic.Header.Get("Authorization"), "Basic ")) {
		markers = append(markers, c, base64.StdEncoding.EncodeToString([]byte(c)))
	}
	leaks, err := framework.Deployed.Leaks(t.Context(), markers, w.syncer, framework.Deployed.Receiver, framework.Deployed.Controllers)
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for _, leak := range leaks {
		switch {
		case strings.HasPrefix(leak, "object /registry/secrets/"+w.endpoint.Namespace+"/"+tenant.APISecretName+":"):
			stored++
		case strings.HasPrefix(leak, "file ") && strings.Contains(leak, "/etcd/"): // it stores the Secret
		default:
			t.Error(leak)
		}
	}
	if stored == 0 {
		t.Error("the Secret was not found: the search finds nothing")
	}
	for _, stream := range fastpixfake.Secrets(fastpixfake.StreamID(1)) {
		for _, leak := range leaks {
			if strings.Contains(leak, stream) {
				t.Error(leak)
			}
		}
	}
}
