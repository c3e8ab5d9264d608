package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// event is an event that makes the media of the published sample ready.
const event = `{"type":"video.media.ready","object":{"type":"media","id":"%[1]s"},"id":"%[2]s","workspace":{"name":"Development","id":"ecdd5a55-ba47-4141-a3dc-0f6a7ebc3fd0"},` +
	`"data":{"id":"%[1]s","status":"Ready","title":"Sent by hand","duration":"00:02:03"},"createdAt":"%[3]s"}`

var usage = template.Must(template.New("").Parse(`
The demo keeps running. Ctrl-C ends it and removes everything. In another terminal, run:

  export KUBECONFIG={{.Kubeconfig}} PATH={{.Plugin}}:{{.Folder}}:$PATH

  kubectl fastpix tree -n {{.Namespace}}
  kubectl fastpix status -n {{.Namespace}}
  kubectl fastpix sync fastpix -n {{.Namespace}} --wait

  kubectl get fastpix -A
  kubectl get ma -n {{.Namespace}} --field-selector status.state=Ready
  kubectl get mediaasset -n {{.Namespace}} {{.Ready}} -o yaml
  kubectl explain mediaasset.status

This command waits until the media of the published sample is ready:

  kubectl wait -n {{.Namespace}} --for=condition=Ready mediaasset/{{.Media}} --timeout=10m

This command sends the event that makes it ready, with a valid signature. If you change the body, the answer is 401:

  curl -i {{.URL}} -H '{{.Header}}: {{.Signature}}' -d '{{.Body}}'

Sync compares the mirrors with FastPix's management API, here a fake, when you ask for it. These commands delete a mirror, let sync make it again, and
show what the API says:

  kubectl delete mediaasset -n {{.Namespace}} {{.Past}}
  kubectl annotate webhookendpoint fastpix -n {{.Namespace}} --overwrite video.fastpix.com/sync-requested-at="$(date)"
  kubectl wait mediaasset -n {{.Namespace}} {{.Past}} --for=create --timeout=1m
  curl -u {{.Access.TokenID}}:{{.Access.SecretKey}} {{.API}}/on-demand/{{.Past}}

To sign another body:  printf %s "$BODY" | {{.Program}} -sign
Logs:  {{.Logs}}
`))

// keepRunning prints how to use the demo, and waits until the user ends it or a process ends.
func (d *demo) keepRunning(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	body := fmt.Sprintf(event, fixtures.Seed, uuid.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano))
	err = usage.Execute(os.Stdout, map[string]any{
		"Kubeconfig": d.plane.Kubeconfig, "Folder": filepath.Dir(d.plane.KubectlPath()), "Plugin": filepath.Dir(program), "Namespace": namespace,
		"Ready": fixtures.UploadB, "Media": fixtures.Seed, "URL": d.receiver.ReceiverURL + path, "Header": "FastPix-Signature",
		"Signature": fixtures.Sign(fixtures.SigningSecret, []byte(body)), "Body": body, "Program": program, "Logs": d.plane.LogDir(), "Past": fastpixfake.MediaID(0), "API": d.workspace.api.URL(), "Access": access,
	})
	if err != nil {
		return err
	}
	ended := make(chan string, 5)
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
		return fmt.Errorf("the %s ended unexpectedly", name)
	}
}
