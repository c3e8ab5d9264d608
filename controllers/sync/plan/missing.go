package plan

import (
	"strconv"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxMissing and maxMissingPart are how many of an endpoint's living mirrors one run may find missing before it is an accident: more than both.
const (
	maxMissing     = 10
	maxMissingPart = 0.1
)

// Mirror is what decides whether the API must know the object of a mirror.
type Mirror struct {
	Kind record.Kind
	ID   string
	// State is status.state.
	State string
	// BecameMediaID is status.becameMediaID of an upload.
	BecameMediaID string
	// WorkspaceID is status.workspaceID, and Endpoint is spec.endpointRef.name.
	WorkspaceID, Endpoint string
}

// IsLiving reports whether the object of a mirror must be in the API's lists: it was seen, and is neither an upload nor deleted.
func (m Mirror) IsLiving() bool {
	switch m.State {
	case "", record.StateWaiting, record.StateCancelled, record.StateDeleted:
		return false
	}
	return m.BecameMediaID == ""
}

// Belongs reports whether a mirror shows an object of a workspace. A mirror that does not say its workspace belongs to the endpoint that it names.
func (m Mirror) Belongs(workspace, endpoint string) bool {
	if m.WorkspaceID == "" {
		return m.Endpoint == endpoint
	}
	return record.NormalizeID(m.WorkspaceID) == record.NormalizeID(workspace)
}

// CanBeAsked reports whether the API can be asked for the object by its id. It accepts UUIDs for media only.
func (m Mirror) CanBeAsked() bool { return m.Kind != record.MediaAsset || record.IsUUID(m.ID) }

// TooManyMissing reports whether so many missing objects of so many living mirrors are an accident until a person confirms them.
func TooManyMissing(missing, living int) bool {
	return missing > maxMissing && float64(missing) > maxMissingPart*float64(living)
}

// Confirms reports whether the value of the annotation lets just so many missing objects go.
func Confirms(annotation string, missing int) bool {
	n, err := strconv.Atoi(strings.TrimSpace(annotation))
	return err == nil && n == missing
}
