package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// Scenario is one of scenarios.json, of which histories are made.
type Scenario struct {
	Name   string
	weight int
	files  []string
}

// HotScenario is about one media that is updated again and again.
const HotScenario = "hot"

// LoadScenarios returns every scenario of package fixtures, and one with hundreds of updates of a media.
func LoadScenarios() ([]Scenario, error) {
	samples, err := fixtures.LoadScenarios()
	if err != nil {
		return nil, err
	}
	weights := map[string]int{"A-pull-asset": 40, "B-direct-upload": 15, "B-cancelled-upload": 10, "C-failing-asset": 15, "D-live-stream": 20}
	var scenarios []Scenario
	for name, files := range samples.Scenarios {
		scenarios = append(scenarios, Scenario{Name: name, weight: weights[name], files: files})
	}
	slices.SortFunc(scenarios, func(a, b Scenario) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	hot := Scenario{Name: HotScenario, weight: 1, files: []string{"video.media.created.json"}}
	for range 50 {
		hot.files = append(hot.files, "video.media.updated.json", "video.media.ready.json", "video.media.track.ready.json", "video.media.track.deleted.json")
	}
	return append(scenarios, hot), nil
}

// History is the events about one media or stream and what belongs to it.
type History struct {
	Tenant *Tenant
	nonce  uint64 // makes the ids of one history differ from those of all others
	prefix string // of its ids
	Events []*Event
}

// Event is one event as it is delivered; a duplicate may have other bytes.
type Event struct {
	Tenant    *Tenant
	ID        string
	Body      []byte
	Signature string
	happened  bool // the workspace of the tenant, if there is one, shows it
}

// Of a hundred events, so many differ from the sample.
const (
	percentLeftOut  = 5 // FastPix may skip
	percentEchoed   = 25
	percentAbsurd   = 4 // a clock that is a century ahead
	percentUntimed  = 3
	percentSameTime = 10 // as another event of its history
)

// NewHistory makes new events of a scenario: other ids, other times within the last days, some events several times with other texts, some
// left out, and some at absurd times.
func NewHistory(random *rand.Rand, t *Tenant, s Scenario) *History {
	return NewHistoryWithIDs("", random, t, s)
}

// NewHistoryWithIDs does the same, with ids that all begin with a prefix.
func NewHistoryWithIDs(prefix string, random *rand.Rand, t *Tenant, s Scenario) *History {
	l := &History{Tenant: t, nonce: random.Uint64(), prefix: prefix}
	shift := time.Since(scenarioEnd) - time.Duration(random.IntN(3600)+600)*time.Second
	last := ""
	for i, file := range s.files {
		if len(s.files) > 1 && random.IntN(100) < percentLeftOut {
			continue
		}
		body := shiftTimes(l.rename(fixtures.Payload(file)), shift)
		copies := 1
		if random.IntN(100) < percentEchoed {
			copies += 1 + random.IntN(2)
		}
		for c := range copies {
			event := mustDecode(body)
			if c > 0 || s.Name == HotScenario {
				alter(random, event, l.NewID(fmt.Sprint("echo", i, c)))
			}
			last = disturbTime(random, event, last)
			l.Events = append(l.Events, newEvent(t, event))
		}
	}
	return l
}

// Next takes one of the first events that are left. Those before it have happened, too: only their deliveries come later.
func (l *History) Next(random *rand.Rand) *Event {
	k := random.IntN(min(outOfOrder, len(l.Events)))
	l.happen(l.Events[:k+1])
	e := l.Events[k]
	l.Events = append(l.Events[:k:k], l.Events[k+1:]...)
	return e
}

// Take takes the first events that are left, in their order.
func (l *History) Take(n int) []*Event {
	taken := l.Events[:n:n]
	l.Events = l.Events[n:]
	l.happen(taken)
	return taken
}

// scenarioEnd is later than every time of the scenarios.
var scenarioEnd = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

var (
	idPattern   = regexp.MustCompile(`\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})\b`)
	timePattern = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"`)
)

// rename gives everything in a sample that has an id another one, in the same form.
func (l *History) rename(body []byte) []byte {
	return idPattern.ReplaceAllFunc(body, func(id []byte) []byte { return []byte(l.IDFor(string(id))) })
}

// sampleWorkspaces are the ids of the workspace in the samples. The sample that FastPix publishes has another one than the rest.
var sampleWorkspaces = []string{"5d0c8d6e-6a0f-4a1e-9a54-3b1c7f2e9d10", "ecdd5a55-ba47-4141-a3dc-0f6a7ebc3fd0"}

// IDFor returns the id that stands for one of the samples in this history. All histories of a tenant with a workspace are of that workspace.
func (l *History) IDFor(sample string) string {
	if w := l.Tenant.Workspace; w != nil && slices.Contains(sampleWorkspaces, sample) {
		return w.ID
	}
	id := l.NewID(sample)
	if len(sample) == 32 {
		id = strings.ReplaceAll(id, "-", "")
	}
	return l.prefix + id
}

// NewID returns an id of this history alone; the same text leads to the same id.
func (l *History) NewID(of string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x/%s", l.nonce, of))
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

func shiftTimes(body []byte, by time.Duration) []byte {
	return timePattern.ReplaceAllFunc(body, func(quoted []byte) []byte {
		at, err := time.Parse(time.RFC3339Nano, string(quoted[1:len(quoted)-1]))
		if err != nil {
			panic(err)
		}
		return []byte(at.Add(by).UTC().Format(`"` + eventTimeFormat + `"`))
	})
}

const eventTimeFormat = "2006-01-02T15:04:05.000000000Z"

func mustDecode(body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var event map[string]any
	if err := d.Decode(&event); err != nil {
		panic(err)
	}
	return event
}

// alter makes another event of one: its own id, a moment earlier or later, and other texts.
func alter(random *rand.Rand, event map[string]any, id string) {
	event["id"] = id
	if text, ok := event["createdAt"].(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			event["createdAt"] = at.Add(time.Duration(random.IntN(240_000)-120_000) * time.Millisecond).Format(eventTimeFormat)
		}
	}
	data, ok := event["data"].(map[string]any)
	if !ok {
		return
	}
	take := fmt.Sprintf("take %d", random.IntN(1000))
	for _, name := range []string{"title", "creatorId"} {
		if _, ok := data[name].(string); ok {
			data[name] = take
		}
	}
	if metadata, ok := data["metadata"].(map[string]any); ok {
		metadata["take"] = take
	}
}

// absurdYear is the year of a clock that is a century ahead.
const absurdYear = "2126"

// disturbTime makes some events absurd, and returns the event's time for another one to share.
func disturbTime(random *rand.Rand, event map[string]any, last string) string {
	switch n := random.IntN(100); {
	case n < percentAbsurd:
		event["createdAt"] = fmt.Sprintf("%s-01-%02dT00:00:00.000000000Z", absurdYear, 1+random.IntN(28))
		return last
	case n < percentAbsurd+percentUntimed:
		delete(event, "createdAt")
		return last
	case n < percentAbsurd+percentUntimed+percentSameTime && last != "":
		event["createdAt"] = last
	}
	text, _ := event["createdAt"].(string)
	return text
}

func newEvent(t *Tenant, event map[string]any) *Event {
	body, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	id, _ := event["id"].(string)
	return &Event{Tenant: t, ID: id, Body: body, Signature: fixtures.Sign(fixtures.SigningSecret, body)}
}

// Again returns the event as FastPix sends it another time: in the same bytes, or with its earlier attempts.
func (e *Event) Again(random *rand.Rand) *Event {
	if random.IntN(2) == 0 {
		return e
	}
	event := mustDecode(e.Body)
	event["attempts"] = []any{map[string]any{"status": 503, "number": random.IntN(20)}}
	return newEvent(e.Tenant, event)
}
