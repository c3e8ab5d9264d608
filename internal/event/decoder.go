package event

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxTypeBytes is longer than every type.
const maxTypeBytes = 256

// decoder holds one body while it is decoded.
type decoder struct {
	reader
	envelope    envelope
	object      named
	payload     payload
	workspaceID string
	typ         record.Type
}

// read fills the wire structs of the whole body.
func read(root value) *decoder {
	d := &decoder{}
	d.fill("body", root, &d.envelope)
	d.fill("object", d.envelope.object, &d.object)
	if !isBare(d.envelope.data) {
		d.fill("data", d.envelope.data, &d.payload)
	}
	d.workspaceID = d.workspace()
	return d
}

// isBare reports that data is a text, or a list that is not of one object. A result of AI may be written like that, without an object
// around it, and nothing else may.
func isBare(data value) bool { return data.is('"') || data.is('[') && !onlyElement(data).is('{') }

// spelling returns the event's type as the body spells it; empty if the type is missing or not a text.
func (d *decoder) spelling() string {
	for _, v := range []value{d.envelope.typ, d.envelope.event, d.envelope.eventType} {
		if v.is('"') && len(v) <= maxTypeBytes {
			if s := v.unquote(); s != "" {
				return s
			}
		}
	}
	d.skip("type")
	return ""
}

func (d *decoder) eventID(body []byte) string {
	if id := d.plainID(d.envelope.id); id != "" {
		return id
	}
	if id := d.plainID(d.envelope.eventID); id != "" {
		return id
	}
	return digest(body)
}

// plainID reads the id of an event. It keeps its case, because the id names no Kubernetes object.
func (d *decoder) plainID(v value) string {
	if d.id("id", v) == "" {
		return ""
	}
	if v.is('"') {
		return v.unquote()
	}
	return string(v)
}

// workspace returns the workspace that sent the event. Older deliveries call it environment, or name it without an object around it.
func (d *decoder) workspace() string {
	for _, v := range []value{d.envelope.workspace, d.envelope.environment} {
		var w named
		d.fill("workspace", v, &w)
		if id := d.id("workspace.id", w.id); id != "" {
			return id
		}
	}
	if id := d.id("workspaceId", d.envelope.workspaceID); id != "" {
		return id
	}
	return d.id("data.workspaceId", d.payload.workspaceID)
}

func (d *decoder) time() *metav1.MicroTime {
	if t := d.moment("createdAt", d.envelope.createdAt); t != nil {
		return t
	}
	return d.moment("occurredAt", d.envelope.occurredAt)
}

// objectKind is the kind of the envelope's object.
type objectKind int

const (
	objectUnnamed objectKind = iota // the envelope does not name it
	objectOther                     // an unknown kind
	objectPart                      // a part of a media or of a stream
	objectMedia
	objectUpload
	objectLive
)

// parts are words in the name of an object that is a part of a media or of a stream.
var parts = []string{"track", "subtitle", "watermark", "playback", "simulcast"}

// objectKind reads object.type, or object.name, which one table of the documentation uses.
func (d *decoder) objectKind() objectKind {
	kind := objectUnnamed
	for _, v := range []value{d.object.typ, d.object.name} {
		if !v.is('"') {
			continue
		}
		word := strings.ToLower(v.unquote())
		switch word {
		case "":
			continue
		case "media", "video.media":
			return objectMedia
		case "upload", "video.upload":
			return objectUpload
		case "live", "live-stream", "live_stream", "livestream", "video.live_stream":
			return objectLive
		}
		if slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(word, part) }) {
			return objectPart
		}
		kind = objectOther
	}
	return kind
}
