package tree

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// The kinds of nodes, as kubectl names them.
const (
	kindNamespace = "namespace"
	kindEndpoint  = "webhookendpoint"
	kindStream    = "livestream"
	kindMedia     = "mediaasset"
)

// groupKinds are their kinds as the API has them.
var groupKinds = map[string]schema.GroupVersionKind{
	kindNamespace: corev1.SchemeGroupVersion.WithKind("Namespace"),
	kindEndpoint:  fastpixv1.GroupVersion.WithKind("WebhookEndpoint"),
	kindStream:    fastpixv1.GroupVersion.WithKind("LiveStream"),
	kindMedia:     fastpixv1.GroupVersion.WithKind("MediaAsset"),
}

// gathering reads objects in pages and keeps what the tree shows of them: memory grows with the live streams, not with the media.
type gathering struct {
	limit int
	top   node
	// streams are the nodes of live streams, by namespace and name. A hidden stream is nil.
	streams map[client.ObjectKey]*node
	// parts are the recordings and clips that live streams name, and what they are.
	parts map[client.ObjectKey]part
}

// part is what a live stream says of one of its media.
type part struct {
	stream client.ObjectKey
	what   string
	hidden bool // it does not fit the limit, and is counted
}

func newGathering(limit int) *gathering {
	return &gathering{limit: limit, streams: map[client.ObjectKey]*node{}, parts: map[client.ObjectKey]part{}}
}

func (g *gathering) root() *node { return &g.top }

// read reads the objects of a namespace, or of all. Parents come before their children.
func (g *gathering) read(ctx context.Context, c client.Reader, namespace string) error {
	in := client.InNamespace(namespace)
	err := cli.Each(ctx, c, &fastpixv1.WebhookEndpointList{}, func(e *fastpixv1.WebhookEndpoint) error {
		g.endpoint(e.Namespace, e.Name).detail = ready(e.Status.Conditions)
		return nil
	}, in)
	if err != nil {
		return err
	}
	if err := cli.Each(ctx, c, &fastpixv1.LiveStreamList{}, g.addStream, in); err != nil {
		return err
	}
	return cli.Each(ctx, c, &fastpixv1.MediaAssetList{}, g.addMedia, in)
}

// endpoint returns the node of an endpoint. An object may name one that does not exist any more, or none.
func (g *gathering) endpoint(namespace, name string) *node {
	in := g.top.child(kindNamespace, namespace, 0)
	if name == "" {
		return in
	}
	return in.child(kindEndpoint, name, 0)
}

func (g *gathering) addStream(s *fastpixv1.LiveStream) error {
	key := client.ObjectKeyFromObject(s)
	n := g.endpoint(s.Namespace, s.Spec.EndpointRef.Name).child(kindStream, s.Name, g.limit)
	if g.streams[key] = n; n == nil {
		return nil
	}
	n.detail = or(s.Status.State, "not seen yet")
	g.addParts(key, s.Status.Recordings, "recording")
	g.addParts(key, s.Status.Clips, "clip")
	return nil
}

func (g *gathering) addParts(stream client.ObjectKey, media []fastpixv1.MediaReference, what string) {
	for _, m := range media {
		name := record.ObjectName(m.MediaID)
		n := g.streams[stream].child(kindMedia, name, g.limit)
		if n != nil {
			n.detail = what + ", has no mirror"
		}
		g.parts[client.ObjectKey{Namespace: stream.Namespace, Name: name}] = part{stream, what, n == nil}
	}
}

func (g *gathering) addMedia(m *fastpixv1.MediaAsset) error {
	key := client.ObjectKeyFromObject(m)
	detail := or(m.Status.State, "not seen yet")
	if m.Status.Title != "" {
		detail += fmt.Sprintf(" %q", m.Status.Title)
	}
	parent := g.endpoint(m.Namespace, m.Spec.EndpointRef.Name)
	p, named := g.parts[key]
	if !named && m.Status.StreamID != "" {
		p = part{stream: client.ObjectKey{Namespace: m.Namespace, Name: record.ObjectName(m.Status.StreamID)}, what: "recording"}
	}
	if stream, known := g.streams[p.stream]; known {
		if parent = stream; stream == nil || p.hidden {
			return nil // it is below a live stream that is hidden, or is counted already
		}
		detail = p.what + ", " + detail
	}
	if n := parent.child(kindMedia, m.Name, g.limit); n != nil {
		n.detail = detail
	}
	return nil
}

// ready says in a few words whether an endpoint is Ready.
func ready(conditions []metav1.Condition) string {
	c := apimeta.FindStatusCondition(conditions, fastpixv1.ConditionReady)
	switch {
	case c == nil:
		return "not seen yet"
	case c.Status == metav1.ConditionTrue:
		return "Ready"
	default:
		return "not Ready: " + c.Reason
	}
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
