package record

// The types of observations. An observation is a record of what the management API says about one object. No webhook has such a type: Lookup does not
// find them.
const (
	// TypeMediaObserved and TypeStreamObserved are records of an object as the API returns it.
	TypeMediaObserved  = "sync.media.observed"
	TypeStreamObserved = "sync.live_stream.observed"
	// TypeMediaMissing and TypeStreamMissing are records of an object that the API does not have.
	TypeMediaMissing  = "sync.media.missing"
	TypeStreamMissing = "sync.live_stream.missing"
)

// observations are the types of observations, by name.
var observations = map[string]Type{
	TypeMediaObserved:  {Name: TypeMediaObserved, Family: FamilyMedia, StateFromData: true, TouchesMedia: true},
	TypeMediaMissing:   {Name: TypeMediaMissing, Family: FamilyMedia, TouchesMedia: true},
	TypeStreamObserved: {Name: TypeStreamObserved, Family: FamilyStream, StateFromData: true, TouchesStream: true},
	TypeStreamMissing:  {Name: TypeStreamMissing, Family: FamilyStream, TouchesStream: true},
}

// LookupRecord finds the type of a record: that of an event by any of its spellings, or that of an observation.
func LookupRecord(name string) (Type, bool) {
	if t, ok := observations[name]; ok {
		return t, true
	}
	return Lookup(name)
}

// IsObservation reports whether a record of that type is an observation.
func IsObservation(typ string) bool {
	_, ok := observations[typ]
	return ok
}

// IsMissing reports whether a record of that type says that the API does not have the object.
func IsMissing(typ string) bool { return typ == TypeMediaMissing || typ == TypeStreamMissing }

// Observed returns the type of the record of an object of that kind as the API returns it.
func Observed(kind Kind) string { return ofKind(kind, TypeMediaObserved, TypeStreamObserved) }

// Missing returns the type of the record of an object of that kind that the API does not have.
func Missing(kind Kind) string { return ofKind(kind, TypeMediaMissing, TypeStreamMissing) }

func ofKind(kind Kind, media, stream string) string {
	if kind == LiveStream {
		return stream
	}
	return media
}
