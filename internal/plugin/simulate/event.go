package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/sample"
)

// mark begins the id of every simulated object. One in four billion ids of FastPix does by chance.
const mark = "00000000"

// Simulated reports whether an id is that of a simulated object.
func Simulated(id string) bool { return strings.HasPrefix(id, mark) }

// subject says what a simulated event is about.
type subject struct {
	// Media and Stream are the ids of the objects; empty for new ones.
	Media, Stream string
	// Workspace is the workspace that the endpoint accepts; empty for that of the sample.
	Workspace string
}

// object is an object that a simulated event changes.
type object struct {
	Kind record.Kind `json:"kind"`
	ID   string      `json:"id"`
	// Name is the name of the mirror.
	Name string `json:"name"`
}

// simulated is an event to post.
type simulated struct {
	ID      string
	Type    string
	Time    time.Time
	Body    []byte
	Objects []object
}

// newEvent returns the sample of a type with new ids and times, as if it happened now.
func newEvent(typ string, about subject, now time.Time) (*simulated, error) {
	known, ok := record.Lookup(typ)
	if !ok {
		return nil, cli.Usagef("the operator does not know the type %q; docs/events.md and the completion list its types", typ)
	}
	body, ok := sample.OfType(known.Name)
	if !ok {
		return nil, fmt.Errorf("there is no sample of %s", known.Name)
	}
	old, err := event.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("read the sample of %s: %w", known.Name, err)
	}
	if about.Media != "" && !known.TouchesMedia {
		return nil, cli.Usagef("--media: an event %s is not about a media", known.Name)
	}
	if about.Stream != "" && !known.TouchesStream {
		return nil, cli.Usagef("--stream: an event %s is not about a live stream", known.Name)
	}
	s := &simulated{ID: string(uuid.NewUUID()), Type: known.Name, Time: now.UTC().Truncate(time.Microsecond)}
	replace := []string{old.ID, s.ID}
	for _, change := range old.Changes {
		id, err := about.idOf(change)
		if err != nil {
			return nil, err
		}
		replace = append(replace, change.ID, id)
		s.Objects = append(s.Objects, object{change.Kind, id, record.ObjectName(id)})
	}
	if about.Workspace != "" {
		replace = append(replace, old.WorkspaceID, about.Workspace)
	}
	s.Body, err = rewritten(body, strings.NewReplacer(replace...), s.Time.Sub(old.Time.Time))
	return s, err
}

// idOf returns the id of a simulated object in the place of the sample's.
func (s subject) idOf(change record.Change) (string, error) {
	id, fresh := s.Media, mark+string(uuid.NewUUID())[len(mark):]
	if change.Kind == record.LiveStream {
		id, fresh = s.Stream, strings.ReplaceAll(fresh, "-", "")
	}
	switch {
	case id == "":
		return fresh, nil
	case !record.UsableID(id) || strings.ContainsAny(id, `"\`):
		return "", cli.Usagef("%q cannot be the id of an object", id)
	}
	return id, nil
}

// timestamp matches the times of a sample.
var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// rewritten returns a body without white space, with other ids, and with its times moved.
func rewritten(body []byte, ids *strings.Replacer, by time.Duration) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return nil, err
	}
	text := timestamp.ReplaceAllStringFunc(compact.String(), func(old string) string {
		at, err := time.Parse(time.RFC3339Nano, old)
		if err != nil {
			return old
		}
		return at.Add(by).Format("2006-01-02T15:04:05.000000Z")
	})
	return []byte(ids.Replace(text)), nil
}
