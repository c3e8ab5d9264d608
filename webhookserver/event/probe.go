package event

// IsEmptyProbe reports whether a body is empty or {}: what the dashboard sends, unsigned, to ask whether an endpoint answers.
func IsEmptyProbe(body []byte) bool {
	body = trim(body)
	return len(body) == 0 || string(body) == "{}"
}

// LooksLikeProbe reports whether a body is empty, {}, or a JSON object with neither a type nor the id of a resource, which the newer
// dashboard sends and signs.
func LooksLikeProbe(body []byte) bool {
	if IsEmptyProbe(body) {
		return true
	}
	root, ok := parse(body)
	return ok && read(root).isProbe()
}

// isProbe reports that the body has neither a type nor the id of a resource. The id of the event is not one.
func (d *decoder) isProbe() bool {
	for _, v := range []value{
		d.envelope.typ, d.envelope.event, d.envelope.eventType, d.envelope.streamID, d.envelope.uploadID, d.envelope.mediaID,
		d.object.id, d.payload.id, d.payload.mediaID, d.payload.uploadID, d.payload.streamID, d.payload.livestreamID, d.payload.simulcastID,
	} {
		if v != nil && string(v) != `""` {
			return false
		}
	}
	return true
}
