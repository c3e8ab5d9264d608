package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// The sections of the page.
const (
	sectionBackup     = "Keep back-ups"
	sectionRestore    = "etcd is restored from a backup"
	sectionCluster    = "The cluster is lost"
	sectionCRDs       = "CRDs are deleted by accident"
	sectionNamespace  = "A namespace is deleted"
	sectionCredential = "Credentials are leaked"
	sectionMove       = "Move to another cluster without losing an event"
)

// workspaceOfSamples is the workspace of the media in the sample events.
const workspaceOfSamples = "5d0c8d6e-6a0f-4a1e-9a54-3b1c7f2e9d10"

// disasters runs the sections of docs/disaster-recovery.md one after the other, on a workspace of a fake API whose mirrors must be right after each.
type disasters struct {
	*guide
	fake          *fastpixfake.Fake
	workspace     *fastpixfake.Workspace
	access        fastpixfake.Access
	signingSecret string
	apiURL        string
	certificates  []byte
	media         map[string]string // title by id
	virgin        string            // a snapshot of the cluster without the operator
}

func (e *e2e) disasterChecks() []check {
	if e.options.clusterDir == "" {
		return []check{{what: "disasters", do: func(context.Context) (string, error) {
			return "", errors.New("they need a cluster of hack/cluster: use make e2e-disaster")
		}}}
	}
	d := &disasters{media: map[string]string{}}
	return []check{
		{what: "prepare", do: func(ctx context.Context) (string, error) { return d.prepare(ctx, e) }},
		{what: "page: the cluster is lost: install in an empty one", do: d.install},
		{what: "page: etcd is restored from a backup", do: d.restoreBackup},
		{what: "page: CRDs are deleted by accident", do: d.deleteCRDs},
		{what: "page: a namespace is deleted", do: d.deleteNamespace},
		{what: "page: credentials are leaked", do: d.leakCredentials},
		{what: "page: the cluster is lost", do: d.loseCluster},
		{what: "page: move to another cluster", do: d.move},
		{what: "no secret in the log of a pod", do: e.checkLogs},
		{what: "the folder with back-ups is removed", do: func(context.Context) (string, error) { return "", d.close() }},
	}
}

// prepare serves a fake of the API, and saves the cluster as it is without the operator.
func (d *disasters) prepare(ctx context.Context, e *e2e) (string, error) {
	var err error
	if d.guide, err = e.newGuide(); err != nil {
		return "", err
	}
	d.fake, d.signingSecret = fastpixfake.New(), fixtures.SigningSecret
	d.access = newAccess()
	d.workspace = d.fake.AddWorkspace(workspaceOfSamples, d.access)
	for range 5 {
		d.putMedia()
	}
	api, certificates, err := e.serveAPI(ctx, d.fake)
	if err != nil {
		return "", err
	}
	d.apiURL, d.certificates = api.URL(), certificates
	d.export()
	d.virgin = filepath.Join(d.folder, "virgin.db")
	if err := d.follow(ctx, sectionBackup, 0); err != nil {
		return "", err
	}
	return "a snapshot of the cluster without the operator", os.Rename(filepath.Join(d.folder, "backup.db"), d.virgin)
}

func newAccess() fastpixfake.Access {
	return fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
}

// export sets the variables that the page asks for.
func (d *disasters) export() {
	d.env = []string{"SIGNING_SECRET=" + d.signingSecret, "TOKEN_ID=" + d.access.TokenID, "SECRET_KEY=" + d.access.SecretKey}
}

// putMedia adds a media to the workspace, an hour old, so that no webhook about it can be on its way.
func (d *disasters) putMedia() (id string) {
	id = fastpixfake.MediaID(len(d.media))
	d.media[id] = "media " + id
	d.workspace.PutMedia(fastpixfake.NewMedia(id, time.Now().Add(-time.Hour)))
	return id
}

// restore replaces the content of etcd, which takes everything away that the snapshot does not hold.
func (d *disasters) restore(ctx context.Context, snapshot string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = d.runCommand(ctx, filepath.Join(filepath.Dir(program), "cluster"), "-dir", d.options.clusterDir, "restore", snapshot)
	return err
}

// checkMirrors waits until every media of the workspace has its mirror, and checks that there is no other.
func (d *disasters) checkMirrors(ctx context.Context) (string, error) {
	for _, id := range slices.Sorted(maps.Keys(d.media)) {
		if err := controlplane.WaitMirror(ctx, d.client, namespace, readyMedia(id, d.media[id])); err != nil {
			return "", err
		}
	}
	var mirrors fastpixv1.MediaAssetList
	if err := d.client.List(ctx, &mirrors, client.InNamespace(namespace)); err != nil {
		return "", err
	}
	if len(mirrors.Items) != len(d.media) {
		return "", fmt.Errorf("there are %d mirrors, want %d", len(mirrors.Items), len(d.media))
	}
	return fmt.Sprintf("%d mirrors are right", len(mirrors.Items)), nil
}

// install follows the section for a lost cluster. Between the commands it lets the syncer ask the fake API, and reaches the receiver.
func (d *disasters) install(ctx context.Context) (string, error) {
	if err := d.follow(ctx, sectionCluster, 0); err != nil {
		return "", err
	}
	s := &syncCheck{e2e: d.e2e}
	if err := s.configureSyncer(ctx, d.apiURL, d.certificates); err != nil {
		return "", err
	}
	for block := 1; block <= 2; block++ {
		if err := d.follow(ctx, sectionCluster, block); err != nil {
			return "", err
		}
	}
	if _, err := d.exposeReceiver(ctx); err != nil {
		return "", err
	}
	return d.checkMirrors(ctx)
}

// deliver sends the webhooks of a media that is created, signed with the secret of the endpoint.
func (d *disasters) deliver(ctx context.Context, id string) error {
	body := eventAbout(id, "video.media.created.json")
	return d.receiver.Deliver(ctx, path, body, fixtures.Sign(d.signingSecret, body))
}

// restoreBackup takes a backup. After it, webhooks tell of media and the workspace changes. Then the backup is restored, and sync repairs
// what happened in between. The backup is a minute old and not an hour: what matters is what happened since then.
func (d *disasters) restoreBackup(ctx context.Context) (string, error) {
	if err := d.follow(ctx, sectionBackup, 0); err != nil {
		return "", err
	}
	for range 3 { // created and told by webhooks, which were acknowledged
		if err := d.deliver(ctx, d.putMedia()); err != nil {
			return "", err
		}
	}
	renamed := fastpixfake.MediaID(0)
	row := d.workspace.Media(renamed)
	row["title"], row["updatedAt"] = "renamed", time.Now().UTC().Format(time.RFC3339Nano)
	d.workspace.PutMedia(row)
	d.media[renamed] = "renamed"
	if err := d.requestRun(ctx); err != nil {
		return "", err
	}
	if _, err := d.checkMirrors(ctx); err != nil {
		return "", err
	}
	if err := d.restore(ctx, filepath.Join(d.folder, "backup.db")); err != nil {
		return "", err
	}
	var mirrors fastpixv1.MediaAssetList
	if err := d.client.List(ctx, &mirrors, client.InNamespace(namespace)); err != nil {
		return "", err
	}
	lost := len(d.media) - len(mirrors.Items)
	if lost != 3 {
		return "", fmt.Errorf("after the restore %d mirrors are missing, want 3", lost)
	}
	for block := 1; block <= 2; block++ {
		if err := d.follow(ctx, sectionRestore, block); err != nil {
			return "", err
		}
	}
	found, err := d.checkMirrors(ctx)
	return fmt.Sprintf("%d mirrors were missing and one was old; %s", lost, found), err
}

// requestRun follows the commands with which the page requests a run of sync.
func (d *disasters) requestRun(ctx context.Context) error {
	<-time.After(time.Second) // the API's clock counts whole seconds: of two answers of one second neither is newer
	return d.follow(ctx, sectionRestore, 2)
}

func (d *disasters) deleteCRDs(ctx context.Context) (string, error) {
	if err := d.runDocumented(ctx, helmCRDs); err != nil {
		return "", err
	}
	d.putMedia()
	for block := range 2 {
		if err := d.follow(ctx, sectionCRDs, block); err != nil {
			return "", err
		}
	}
	if err := d.deliver(ctx, fastpixfake.MediaID(1)); err != nil {
		return "", err
	}
	return d.checkMirrors(ctx)
}

func (d *disasters) deleteNamespace(ctx context.Context) (string, error) {
	if err := d.runDocumented(ctx, "kubectl delete namespace "+namespace+" --wait=false"); err != nil {
		return "", err
	}
	if err := d.follow(ctx, sectionNamespace, 0); err != nil {
		return "", err
	}
	return d.checkMirrors(ctx)
}

// otherSigningSecret is the signing secret that replaces the leaked one.
const otherSigningSecret = "b3RoZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMtbG9uZyE="

// leakCredentials replaces the access token, and then the signing secret, after somebody has forged an event.
func (d *disasters) leakCredentials(ctx context.Context) (string, error) {
	leaked := d.access
	d.access = newAccess()
	d.fake.Grant(d.workspace, d.access)
	d.fake.Revoke(leaked)
	d.putMedia()
	d.export()
	if err := d.follow(ctx, sectionCredential, 0); err != nil {
		return "", err
	}
	if _, err := d.checkMirrors(ctx); err != nil {
		return "", err
	}
	forged := string(uuid.NewUUID())
	if err := d.deliver(ctx, forged); err != nil {
		return "", err
	}
	if err := controlplane.WaitMirror(ctx, d.client, namespace, fixtures.Mirror{Kind: "MediaAsset", ID: forged, State: "Created"}); err != nil {
		return "", err
	}
	old := d.signingSecret
	d.signingSecret = otherSigningSecret
	d.export()
	if err := d.follow(ctx, sectionCredential, 1); err != nil {
		return "", err
	}
	took, err := d.waitRefused(ctx, old)
	if err != nil {
		return "", err
	}
	if err := d.follow(ctx, sectionCredential, 2); err != nil {
		return "", err
	}
	found, err := d.checkMirrors(ctx)
	return fmt.Sprintf("the leaked signing secret stopped after %.0f s; %s, the forged one is gone", took.Seconds(), found), err
}

// waitRefused waits until a signing secret no longer opens the endpoint.
func (d *disasters) waitRefused(ctx context.Context, secret string) (time.Duration, error) {
	started := time.Now()
	body := eventAbout(fastpixfake.MediaID(1), "video.media.created.json")
	code := 0
	err := poll(ctx, 90*time.Second, func(ctx context.Context) (_ bool, err error) {
		code, err = d.receiver.Post(ctx, path, body, fixtures.Sign(secret, body))
		return code == 401, err
	})
	if err != nil {
		return 0, fmt.Errorf("the answer to the old secret is %d, want 401: %w", code, err)
	}
	return time.Since(started), nil
}

// loseCluster takes everything away, and installs again. Webhooks that come meanwhile are sent until they are acknowledged.
func (d *disasters) loseCluster(ctx context.Context) (string, error) {
	if err := d.restore(ctx, d.virgin); err != nil {
		return "", err
	}
	if err := d.requireNotInstalled(ctx); err != nil {
		return "", err
	}
	d.putMedia()
	return d.install(ctx)
}

// move moves to another cluster: the same node, with all objects of the old cluster gone. The mirrors must be the same afterwards, to the last field.
func (d *disasters) move(ctx context.Context) (string, error) {
	told := d.putMedia()
	if err := d.deliver(ctx, told); err != nil {
		return "", err
	}
	if err := d.requestRun(ctx); err != nil {
		return "", err
	}
	if _, err := d.checkMirrors(ctx); err != nil {
		return "", err
	}
	if err := d.follow(ctx, sectionMove, 0); err != nil {
		return "", err
	}
	before, err := d.statuses(ctx)
	if err != nil {
		return "", err
	}
	refused := eventAbout(told, "video.media.ready.json")
	code, err := d.receiver.Post(ctx, path, refused, fixtures.Sign(d.signingSecret, refused))
	if err != nil || code != 503 {
		return "", errors.Join(err, fmt.Errorf("the old cluster answers %d, want 503", code))
	}
	if err := d.restore(ctx, d.virgin); err != nil {
		return "", err
	}
	if err := d.follow(ctx, sectionMove, 1); err != nil {
		return "", err
	}
	after, err := d.statuses(ctx)
	if err != nil {
		return "", err
	}
	if !maps.Equal(before, after) {
		return "", fmt.Errorf("the mirrors differ: %v, before %v", after, before)
	}
	if err := d.follow(ctx, sectionMove, 2); err != nil {
		return "", err
	}
	if _, err := d.exposeReceiver(ctx); err != nil {
		return "", err
	}
	if err := d.receiver.Deliver(ctx, path, refused, fixtures.Sign(d.signingSecret, refused)); err != nil { // FastPix sends it again
		return "", err
	}
	id := strings.Trim(strings.TrimPrefix(strings.TrimSpace(string(eventID.Find(refused))), `"id": `), `"`)
	err = poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		now, err := d.statuses(ctx)
		return strings.Contains(now[told], id), err
	})
	if err != nil {
		return "", fmt.Errorf("the mirror does not show the event %s: %w", id, err)
	}
	return fmt.Sprintf("%d mirrors are the same to the last field; an event that the old cluster refused is mirrored in the new one", len(after)), nil
}

// statuses returns the status of every mirror as text, by name.
func (d *disasters) statuses(ctx context.Context) (map[string]string, error) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("MediaAssetList"))
	if err := d.client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for i := range list.Items {
		text, err := yaml.Marshal(list.Items[i].Object["status"])
		if err != nil {
			return nil, err
		}
		all[list.Items[i].GetName()] = string(text)
	}
	return all, nil
}
