package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// syncNamespace has an endpoint of its own: the mirrors of the other one are about media that the fake API does not know.
	syncNamespace = "video-sync"
	// apiPort is the port to which the NetworkPolicy of the syncer allows connections.
	apiPort = "443"
	// The ConfigMap with the certificates of the fake API, the file in it, and where the syncer finds it.
	apiCA       = "fastpix-e2e-api"
	apiCAFile   = "ca.crt"
	apiCAFolder = "/etc/fastpix-e2e"
)

// syncCheck is a workspace of a fake API, and an endpoint that is compared with it.
type syncCheck struct {
	*e2e
	workspace *fastpixfake.Workspace
	access    fastpixfake.Access
	media     []string
	stream    string
	log       string // of the syncer
}

// checkSync lets the syncer compare an endpoint with a fake of FastPix's API, which this test serves over TLS on the address of the node.
func (e *e2e) checkSync(ctx context.Context) (string, error) {
	if e.options.clusterDir == "" {
		return "skipped: pods of this cluster may not reach a server of this test", nil
	}
	fake := fastpixfake.New()
	s := e.newSyncCheck(fake)
	api, certificates, err := e.serveAPI(ctx, fake)
	if err != nil {
		return "", err
	}
	defer api.Close()
	if err := s.configureSyncer(ctx, api.URL(), certificates); err != nil {
		return "", err
	}
	for _, do := range []func(context.Context) error{s.createEndpoint, s.checkBackfill, s.repair, s.repairAfterKill, s.checkSecrets, s.restore} {
		if err := do(ctx); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d mirrors, 4 lost changes repaired; no token and no stream key in %d lines of log", len(s.media)+1, strings.Count(s.log, "\n")), fake.Check()
}

// newSyncCheck adds a workspace with media and a stream that are an hour old, so that no webhook about them can be on its way.
func (e *e2e) newSyncCheck(fake *fastpixfake.Fake) *syncCheck {
	s := &syncCheck{e2e: e, access: fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}, stream: fastpixfake.StreamID(0)}
	s.workspace = fake.AddWorkspace(string(uuid.NewUUID()), s.access)
	old := time.Now().Add(-time.Hour)
	for i := range 5 {
		s.media = append(s.media, fastpixfake.MediaID(i))
		s.workspace.PutMedia(fastpixfake.NewMedia(s.media[i], old))
	}
	s.workspace.PutStream(fastpixfake.NewStream(s.stream, old))
	return s
}

// serveAPI serves an API on the address of the node, and returns the certificates that its clients must trust.
func (e *e2e) serveAPI(ctx context.Context, fake *fastpixfake.Fake) (*fastpixfake.Server, []byte, error) {
	host, err := e.nodeAddress(ctx)
	if err != nil {
		return nil, nil, err
	}
	certificates, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil) // the certificate, and that of its CA
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair(certificates, key)
	if err != nil {
		return nil, nil, err
	}
	api, err := fastpixfake.ServeTLS(fake, net.JoinHostPort(host, apiPort), pair)
	return api, certificates, err
}

// configureSyncer lets the syncer ask an API, with a short grace.
func (s *syncCheck) configureSyncer(ctx context.Context, url string, certificates []byte) error {
	if err := s.client.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: apiCA}, Data: map[string]string{apiCAFile: string(certificates)},
	}); err != nil {
		return err
	}
	var d appsv1.Deployment
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: syncers}, &d); err != nil {
		return err
	}
	before := d.DeepCopy()
	pod := &d.Spec.Template.Spec
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: apiCA, VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: apiCA}},
	}})
	c := &pod.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: apiCA, MountPath: apiCAFolder, ReadOnly: true})
	c.Env = append(c.Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: apiCAFolder + "/" + apiCAFile})
	c.Args = append(c.Args, "--fastpix-api-url="+url, "--sync-grace=3s")
	if err := s.client.Patch(ctx, &d, client.MergeFrom(before)); err != nil {
		return err
	}
	return s.waitForRollout(ctx)
}

// createEndpoint creates the endpoint with its Secrets and the rights to read them.
func (s *syncCheck) createEndpoint(ctx context.Context) error {
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: syncNamespace}},
		tenant.SigningSecret(syncNamespace, fixtures.SigningSecret), tenant.APISecret(syncNamespace, s.access.TokenID, s.access.SecretKey),
	}
	objects = append(objects, tenant.SecretRights(syncNamespace, tenant.SigningSecretName, tenant.ReceiverAccount)...)
	objects = append(objects, tenant.SecretRights(syncNamespace, tenant.APISecretName, tenant.SyncerAccount)...)
	whe := tenant.Endpoint(syncNamespace)
	whe.Spec.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}}
	for _, o := range append(objects, whe) {
		if err := s.client.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// checkBackfill checks that the first run mirrors everything that exists.
func (s *syncCheck) checkBackfill(ctx context.Context) error {
	if _, err := s.run(ctx, "--namespace", syncNamespace, "wait", "--for=condition=Synced", "webhookendpoint/"+tenant.EndpointName, "--timeout=2m"); err != nil {
		return err
	}
	if err := s.checkCounts(ctx, int64(len(s.media)+1), 0, 0); err != nil {
		return err
	}
	want := []fixtures.Mirror{{Kind: "LiveStream", ID: s.stream, State: "Idle"}}
	for _, id := range s.media {
		want = append(want, readyMedia(id, "media "+id))
	}
	return s.waitMirrors(ctx, want...)
}

// repair loses the webhooks of a media that is created, of one that is renamed and of one that is deleted, and requests a run.
func (s *syncCheck) repair(ctx context.Context) error {
	created := fastpixfake.MediaID(len(s.media))
	s.workspace.PutMedia(fastpixfake.NewMedia(created, time.Now().Add(-time.Minute)))
	renamed := s.workspace.Media(s.media[1])
	renamed["title"] = "renamed"
	s.workspace.PutMedia(renamed)
	s.workspace.DeleteMedia(s.media[2])
	if err := s.requestRun(ctx); err != nil {
		return err
	}
	if err := s.checkCounts(ctx, 1, 1, 1); err != nil {
		return err
	}
	return s.waitMirrors(ctx, readyMedia(created, "media "+created), readyMedia(s.media[1], "renamed"), fixtures.Mirror{Kind: "MediaAsset", ID: s.media[2], State: "Deleted"})
}

// repairAfterKill kills the syncer. The next one continues when the lease has expired, and finds that a stream is on air.
func (s *syncCheck) repairAfterKill(ctx context.Context) error {
	if err := s.readLog(ctx); err != nil {
		return err
	}
	pods, err := s.pods(ctx, "syncer")
	if err != nil {
		return err
	}
	if err := s.kill(ctx, &pods[0]); err != nil {
		return err
	}
	active := s.workspace.Stream(s.stream)
	active["status"] = "active"
	s.workspace.PutStream(active)
	if err := s.requestRun(ctx); err != nil {
		return err
	}
	if err := s.checkCounts(ctx, 0, 1, 0); err != nil {
		return err
	}
	if err := s.waitMirrors(ctx, fixtures.Mirror{Kind: "LiveStream", ID: s.stream, State: "Active"}); err != nil {
		return err
	}
	return s.readLog(ctx)
}

// requestRun requests a run, and waits until it has ended.
func (s *syncCheck) requestRun(ctx context.Context) error {
	<-time.After(time.Second) // the API's clock counts whole seconds: of two answers of one second neither is newer
	now := fmt.Sprint(time.Now().Unix())
	for _, line := range []string{
		"kubectl --namespace " + syncNamespace + " annotate --overwrite webhookendpoint fastpix " + fastpixv1.SyncRequestedAtAnnotation + "=" + now,
		"kubectl --namespace " + syncNamespace + " wait --for=jsonpath={.status.sync.handledRequest}=" + now + " webhookendpoint/fastpix --timeout=2m",
	} {
		if err := s.runDocumented(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// checkCounts checks what the last run has changed.
func (s *syncCheck) checkCounts(ctx context.Context, created, repaired, deleted int64) error {
	var whe fastpixv1.WebhookEndpoint
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: syncNamespace, Name: tenant.EndpointName}, &whe); err != nil {
		return err
	}
	if got := whe.Status.Sync; got == nil || got.Created != created || got.Repaired != repaired || got.Deleted != deleted {
		return fmt.Errorf("status.sync is %+v with the conditions %+v, want %d created, %d repaired, %d deleted", got, whe.Status.Conditions, created, repaired, deleted)
	}
	return nil
}

func readyMedia(id, title string) fixtures.Mirror {
	return fixtures.Mirror{Kind: "MediaAsset", ID: id, State: "Ready", Fields: map[string]string{"{.status.title}": title}}
}

func (s *syncCheck) waitMirrors(ctx context.Context, mirrors ...fixtures.Mirror) error {
	for _, m := range mirrors {
		if err := controlplane.WaitMirror(ctx, s.client, syncNamespace, m); err != nil {
			return err
		}
	}
	return nil
}

// readLog adds the log of the present syncer, which has ended at least one run.
func (s *syncCheck) readLog(ctx context.Context) error {
	log, err := s.logOf(ctx, "syncer")
	if err == nil && !strings.Contains(log, "A comparison with FastPix has ended") {
		err = errors.New("the log of the syncer does not show the run that has ended")
	}
	s.log += log
	return err
}

// checkSecrets checks that neither the logs of the syncers nor the objects contain the access token or a secret of the stream.
func (s *syncCheck) checkSecrets(ctx context.Context) error {
	mirrors, err := s.run(ctx, "-n", syncNamespace, "get", "webhookendpoints,mediaassets,livestreams,events,configmaps", "-o", "yaml")
	if err != nil {
		return err
	}
	if !strings.Contains(mirrors, s.stream) {
		return errors.New("the objects do not contain the id of the stream: the search would find nothing")
	}
	others, err := s.run(ctx, "-n", operatorNamespace, "get", "eventbatches,events,configmaps,leases,pods,deployments", "-o", "yaml")
	if err != nil {
		return err
	}
	token := s.access.TokenID + ":" + s.access.SecretKey
	for _, secret := range append(fastpixfake.Secrets(s.stream), s.access.TokenID, s.access.SecretKey, base64.StdEncoding.EncodeToString([]byte(token))) {
		for where, text := range map[string]string{"logs of the syncers": s.log, "objects of " + syncNamespace: mirrors, "objects of " + operatorNamespace: others} {
			if strings.Contains(text, secret) {
				return fmt.Errorf("the %s contain the secret %q", where, secret)
			}
		}
	}
	return nil
}

// restore removes the endpoint and lets the syncer be as it was.
func (s *syncCheck) restore(ctx context.Context) error {
	if err := s.commands("kubectl delete namespace "+syncNamespace, "kubectl -n "+operatorNamespace+" rollout undo deployment/"+syncers)(ctx); err != nil {
		return err
	}
	if err := s.waitForRollout(ctx); err != nil {
		return err
	}
	return s.runDocumented(ctx, "kubectl -n "+operatorNamespace+" delete configmap "+apiCA)
}
