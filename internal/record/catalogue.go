package record

import "strings"

// Family groups event types whose bodies have the same shape and whose resource is found in the same place.
type Family string

// The families of known types, and of unknown types by their prefix.
const (
	FamilyUpload    Family = "upload"    // an upload session; no media yet
	FamilyMedia     Family = "media"     // a media, whole
	FamilyTrack     Family = "track"     // a track of a media
	FamilySubtitle  Family = "subtitle"  // a generated subtitle of a media
	FamilyAI        Family = "ai"        // what in-video AI found in a media
	FamilyRecording Family = "recording" // a media that was recorded from a stream
	FamilyClip      Family = "clip"      // a media that was cut from a stream
	FamilyStream    Family = "stream"    // a live stream, whole
	FamilySimulcast Family = "simulcast" // a simulcast target of a stream
	FamilyPart      Family = "part"      // a watermark or playback id: part of a media, not in the catalogue
	FamilyOther     Family = "other"     // none of FastPix's prefixes
)

// States of a media that the types of events set. The platform has further words, which video.media.updated carries.
const (
	StateWaiting   = "Waiting"
	StateCreated   = "Created"
	StateReady     = "Ready"
	StateFailed    = "Failed"
	StateCancelled = "Cancelled"
	StateDeleted   = "Deleted"
)

// States of a live stream beside StateDeleted. A stream never has StateCreated: a new stream is Idle.
const (
	StateIdle         = "Idle"
	StateConnected    = "Connected"
	StatePreparing    = "Preparing"
	StateActive       = "Active"
	StateDisconnected = "Disconnected"
	StateDisabled     = "Disabled"
)

// States of parts beside StatePreparing and StateFailed. A part is a track, a subtitle, a result of AI or a simulcast target.
const (
	StateAvailable    = "Available"
	StateStarting     = "Starting"
	StateBroadcasting = "Broadcasting"
)

// Type is one event type of the catalogue, or several spellings of it.
type Type struct {
	// Name is the spelling that records, statuses and metrics use.
	Name string
	// Aliases are other spellings of the same type. All spellings match in any case.
	Aliases []string
	// Family says which shape the body has.
	Family Family
	// State is the state that the type sets; empty if the type sets none.
	State string
	// StateFromData means that data.status sets the state.
	StateFromData bool
	// PartState is the state that the type sets for the part that the event is about; empty if the type sets none.
	PartState string
	// RemovesPart means that the part was removed.
	RemovesPart bool
	// TouchesMedia and TouchesStream say which mirrors an event of the type may touch.
	TouchesMedia, TouchesStream bool
	// Sets says in words what the event sets, for docs/events.md.
	Sets string
	// Evidence says how the type is known: "seen" in a live delivery, "documented" by FastPix, or "inferred" from an integration.
	Evidence string
}

// catalogue is every type that changes a mirror. An event of any other type is acknowledged and counted.
var catalogue = []Type{
	{Name: "video.media.upload", Aliases: []string{"video.upload.created"}, Family: FamilyUpload, State: StateWaiting, TouchesMedia: true,
		Sets: "state Waiting, uploadID", Evidence: "seen"},
	{Name: "video.media.upload.cancelled", Aliases: []string{"video.media.upload.canceled"}, Family: FamilyUpload, State: StateCancelled, TouchesMedia: true,
		Sets: "state Cancelled, uploadID", Evidence: "documented"},
	{Name: "video.media.created", Family: FamilyMedia, State: StateCreated, TouchesMedia: true,
		Sets: "state Created and the fields it carries", Evidence: "seen"},
	{Name: "video.upload.media_created", Family: FamilyMedia, State: StateCreated, TouchesMedia: true,
		Sets: "state Created and the fields it carries; becameMediaID of an upload with another id", Evidence: "seen"},
	{Name: "video.media.ready", Family: FamilyMedia, State: StateReady, TouchesMedia: true,
		Sets: "state Ready and the fields it carries", Evidence: "seen"},
	{Name: "video.media.failed", Family: FamilyMedia, State: StateFailed, TouchesMedia: true,
		Sets: "state Failed and the fields it carries", Evidence: "documented"},
	{Name: "video.media.updated", Family: FamilyMedia, StateFromData: true, TouchesMedia: true,
		Sets: "state from data.status and the fields it carries", Evidence: "seen"},
	{Name: "video.media.deleted", Family: FamilyMedia, State: StateDeleted, TouchesMedia: true,
		Sets: "state Deleted, for good; clears title, creatorID, metadata and AI texts", Evidence: "documented"},
	{Name: "video.media.mp4Support.ready", Family: FamilyMedia, TouchesMedia: true,
		Sets: "the fields it carries, mp4Support among them", Evidence: "documented"},
	{Name: "video.media.source.ready", Family: FamilyMedia, TouchesMedia: true,
		Sets: "the fields it carries, sourceAccess among them", Evidence: "documented"},
	{Name: "video.media.source.deleted", Family: FamilyMedia, TouchesMedia: true,
		Sets: "the fields it carries, sourceAccess among them; the media stays", Evidence: "documented"},
	{Name: "video.media.intro.ready", Family: FamilyMedia, TouchesMedia: true,
		Sets: "the fields it carries, duration among them", Evidence: "documented"},
	{Name: "video.media.track.created", Family: FamilyTrack, PartState: StatePreparing, TouchesMedia: true, Sets: "the track", Evidence: "documented"},
	{Name: "video.media.track.ready", Family: FamilyTrack, PartState: StateAvailable, TouchesMedia: true, Sets: "the track", Evidence: "documented"},
	{Name: "video.media.track.updated", Family: FamilyTrack, TouchesMedia: true, Sets: "the track", Evidence: "documented"},
	{Name: "video.media.track.failed", Family: FamilyTrack, PartState: StateFailed, TouchesMedia: true, Sets: "the track, in state Failed; the media stays as it is", Evidence: "documented"},
	{Name: "video.media.track.deleted", Family: FamilyTrack, RemovesPart: true, TouchesMedia: true, Sets: "removes the track; the media stays", Evidence: "documented"},
	{Name: "video.media.subtitle.generated.ready", Aliases: []string{"video.media.subtitle.generated"}, Family: FamilySubtitle, PartState: StateAvailable, TouchesMedia: true,
		Sets: "the subtitle", Evidence: "documented"},
	{Name: "video.mediaAI.summary.ready", Aliases: []string{"video.media.ai.summary.ready"}, Family: FamilyAI, PartState: StateAvailable, TouchesMedia: true,
		Sets: "ai.summary", Evidence: "documented"},
	{Name: "video.mediaAI.chapters.ready", Aliases: []string{"video.media.ai.chapters.ready"}, Family: FamilyAI, PartState: StateAvailable, TouchesMedia: true,
		Sets: "ai.chapters", Evidence: "documented"},
	{Name: "video.mediaAI.named-entities.ready", Aliases: []string{
		"video.mediaAI.namedEntities.ready", "video.mediaAI.named_entities.ready", "video.media.ai.named-entities.ready",
		"video.media.ai.namedEntities.ready", "video.media.ai.named_entities.ready",
	}, Family: FamilyAI, PartState: StateAvailable, TouchesMedia: true, Sets: "ai.namedEntities", Evidence: "documented"},
	{Name: "video.mediaAI.moderation.ready", Aliases: []string{"video.media.ai.moderation.ready"}, Family: FamilyAI, PartState: StateAvailable, TouchesMedia: true,
		Sets: "ai.moderation", Evidence: "documented"},
	{Name: "video.media.live_stream.created", Family: FamilyRecording, State: StateCreated, TouchesMedia: true, TouchesStream: true,
		Sets: "state Created, streamID and the fields it carries; on the stream, recordings", Evidence: "documented"},
	{Name: "video.media.live_clip.created", Family: FamilyClip, State: StateCreated, TouchesMedia: true, TouchesStream: true,
		Sets: "state Created, streamID and the fields it carries; on the stream, clips", Evidence: "inferred"},
	{Name: "video.live_stream.created", Family: FamilyStream, State: StateIdle, TouchesStream: true, Sets: "state Idle and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.connected", Family: FamilyStream, State: StateConnected, TouchesStream: true, Sets: "state Connected and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.preparing", Family: FamilyStream, State: StatePreparing, TouchesStream: true, Sets: "state Preparing and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.active", Family: FamilyStream, State: StateActive, TouchesStream: true, Sets: "state Active, activeSince and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.recording", Family: FamilyStream, State: StateActive, TouchesStream: true, Sets: "state Active, recording and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.disconnected", Family: FamilyStream, State: StateDisconnected, TouchesStream: true, Sets: "state Disconnected, reconnectDeadline and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.idle", Family: FamilyStream, State: StateIdle, TouchesStream: true, Sets: "state Idle and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.disabled", Family: FamilyStream, State: StateDisabled, TouchesStream: true, Sets: "state Disabled and the fields it carries", Evidence: "documented"},
	{Name: "video.live_stream.deleted", Family: FamilyStream, State: StateDeleted, TouchesStream: true, Sets: "state Deleted, for good", Evidence: "documented"},
	{Name: "video.live_stream.updated", Family: FamilyStream, TouchesStream: true, Sets: "the fields it carries, recordings among them", Evidence: "documented"},
	{Name: "video.live_stream.recording.ready", Family: FamilyRecording, TouchesMedia: true, TouchesStream: true,
		Sets: "on the stream, recordings; on the media, streamID", Evidence: "inferred"},
	{Name: "video.live_stream.simulcast_target.created", Family: FamilySimulcast, PartState: StateCreated, TouchesStream: true, Sets: "the target, in state Created", Evidence: "documented"},
	{Name: "video.live_stream.simulcast_target.starting", Family: FamilySimulcast, PartState: StateStarting, TouchesStream: true, Sets: "the target, in state Starting", Evidence: "documented"},
	{Name: "video.live_stream.simulcast_target.broadcasting", Family: FamilySimulcast, PartState: StateBroadcasting, TouchesStream: true, Sets: "the target, in state Broadcasting", Evidence: "documented"},
	{Name: "video.live_stream.simulcast_target.updated", Family: FamilySimulcast, TouchesStream: true, Sets: "the target", Evidence: "documented"},
	{Name: "video.live_stream.simulcast_target.deleted", Family: FamilySimulcast, RemovesPart: true, TouchesStream: true, Sets: "removes the target; the stream stays", Evidence: "documented"},
}

// prefixes sort unknown types into families. The longest matching prefix comes first. A suffix does not determine the family: ".deleted" ends types of
// four families.
var prefixes = []Prefix{
	{"video.live_stream.simulcast_target.", FamilySimulcast},
	{"video.live_stream.", FamilyStream},
	{"video.media.live_stream.", FamilyRecording},
	{"video.media.live_clip.", FamilyClip},
	{"video.media.track.", FamilyTrack},
	{"video.media.subtitle.", FamilySubtitle},
	{"video.mediaai.", FamilyAI},
	{"video.media.ai.", FamilyAI},
	{"video.media.upload.", FamilyUpload},
	{"video.upload.", FamilyUpload},
	{"video.media.watermark.", FamilyPart},
	{"video.playback_id.", FamilyPart},
	{"video.media.", FamilyMedia},
}

var bySpelling = func() map[string]Type {
	m := map[string]Type{}
	for _, t := range catalogue {
		m[strings.ToLower(t.Name)] = t
		for _, alias := range t.Aliases {
			m[strings.ToLower(alias)] = t
		}
	}
	return m
}()

// Catalogue returns every known type, in the order in which docs/events.md lists them.
func Catalogue() []Type { return append([]Type(nil), catalogue...) }

// Lookup finds a type by any of its spellings, in any case.
func Lookup(spelling string) (Type, bool) {
	t, ok := bySpelling[strings.ToLower(spelling)]
	return t, ok
}

// Prefix is the prefix of unknown types of one family.
type Prefix struct {
	Prefix string
	Family Family
}

// Prefixes returns the prefixes that sort unknown types into families, in the order in which they are tried.
func Prefixes() []Prefix { return append([]Prefix(nil), prefixes...) }

// FamilyOf returns the family of a type. It finds the family of an unknown type by the prefix.
func FamilyOf(spelling string) Family {
	if t, ok := Lookup(spelling); ok {
		return t.Family
	}
	spelling = strings.ToLower(spelling)
	for _, p := range prefixes {
		if strings.HasPrefix(spelling, p.Prefix) {
			return p.Family
		}
	}
	return FamilyOther
}

// stateWords maps the platform's words for a media's state, reduced to letters in lower case, to the spelling of a mirror.
var stateWords = map[string]string{
	"waiting": StateWaiting, "created": StateCreated, "downloading": "Downloading", "downloaded": "Downloaded",
	"validating": "Validating", "inqueue": "InQueue", "processing": "Processing", "ready": StateReady, "failed": StateFailed,
	"cancelled": StateCancelled, "canceled": StateCancelled, "deleted": StateDeleted,
}

// maxStateBytes is the schema's limit of status.state.
const maxStateBytes = 64

// StateWord returns the spelling that a mirror uses for a state word of the platform, which writes "In Queue", "in_queue" or "InQueue". A known word has
// one known spelling. Any other word is converted to PascalCase with only ASCII letters and digits; it is empty if nothing remains.
func StateWord(word string) string {
	var b strings.Builder
	start := true
	for _, r := range word {
		switch {
		case r >= 'a' && r <= 'z' && start:
			b.WriteRune(r - 'a' + 'A')
			start = false
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b.WriteRune(r)
			start = false
		default:
			start = true
		}
		if b.Len() == maxStateBytes {
			break
		}
	}
	if known, ok := stateWords[strings.ToLower(b.String())]; ok {
		return known
	}
	return b.String()
}
