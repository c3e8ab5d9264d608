package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// event makes the published sample's media ready.
const event = `{"type":"video.media.ready","object":{"type":"media","id":"%[1]s"},"id":"%[2]s","workspace":{"name":"Development","id":"ecdd5a55-ba47-4141-a3dc-0f6a7ebc3fd0"},` +
	`"data":{"id":"%[1]s","status":"Ready","title":"Sent by hand","duration":"00:02:03"},"createdAt":"%[3]s"}`

var usage = template.Must(template.New("").Parse(`
It all stays up; Ctrl-C ends it and removes everything. In another terminal:

  export KUBECONFIG={{.Kubeconfig}} PATH={{.Folder}}:$PATH

  kubectl get fastpix -A
  kubectl get ma -n {{.Namespace}} --field-selector status.state=Ready
  kubectl get mediaasset -n {{.Namespace}} {{.Ready}} -o yaml
  kubectl explain mediaasset.status

This waits until the published sample's media is ready ...

  kubectl wait -n {{.Namespace}} --for=condition=Ready mediaasset/{{.Media}} --timeout=10m

... and this is FastPix saying so, with a valid signature (change anything and the answer is 401):

  curl -i {{.URL}} -H '{{.Header}}: {{.Signature}}' -d '{{.Body}}'

The signature of another body:  printf %s "$BODY" | {{.Program}} -sign
Logs:  {{.Logs}}
`))

// stayUp says how to use what runs, and keeps it running until the user ends it.
func (d *demo) stayUp(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	body := fmt.Sprintf(event, fixtures.Seed, uuid.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano))
	err = usage.Execute(os.Stdout, map[string]any{
		"Kubeconfig": d.plane.Kubeconfig, "Folder": filepath.Dir(d.plane.KubectlPath()), "Namespace": namespace,
		"Ready": fixtures.UploadB, "Media": fixtures.Seed, "URL": d.receiver.ReceiverURL + path, "Header": "FastPix-Signature",
		"Signature": fixtures.Sign(fixtures.SigningSecret, []byte(body)), "Body": body, "Program": program, "Logs": d.plane.LogDir(),
	})
	if err != nil {
		return err
	}
	ended := make(chan string, 4)
	for _, p := range append(d.processes(), d.plane.APIServer, d.plane.Etcd) {
		go func() {
			<-p.Exited()
			ended <- p.Name
		}()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case name := <-ended:
		return fmt.Errorf("the %s ended by itself", name)
	}
}
