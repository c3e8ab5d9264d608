package redaction

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Fields are the fields of a delivery that hold secrets, or may, in every spelling that was seen. Whatever stands in them must not be
// seen anywhere.
var Fields = []string{
	"streamKey", "stream_key", "srtSecret", "srtSecert", "srtPlaybackSecret", "srtPlaybackStreamId", "url", "rtmpUrl", "inputUrl", "token", "playbackToken",
	"drmToken", "privateKey", "signingSecret", "signature", "password", "passphrase", "corsOrigin", "failedReason", "accessor", "accessor_source",
}

// Secrets are secrets of one run, of every shape that is recognised wherever it stands. Each holds Marker, by which it is found.
type Secrets struct {
	Marker string
	random *rand.Rand
	drawn  int
}

// NewSecrets returns secrets that follow from a seed.
func NewSecrets(seed uint64) *Secrets {
	r := rand.New(rand.NewPCG(seed, seed))
	return &Secrets{Marker: fmt.Sprintf("5ec%013x", r.Uint64()>>12), random: r}
}

// Next returns a secret of the next shape.
func (s *Secrets) Next() string {
	stream := s.Marker + s.hex(16) + "k" + s.hex(32)
	shapes := []string{
		stream,
		strings.ToUpper(stream),
		s.Marker + s.hex(16) + "k" + s.hex(8) + "-" + s.hex(4) + "-" + s.hex(4) + "-" + s.hex(4) + "-" + s.hex(12),
		"before " + stream + " after",
		strings.Repeat("padding ", 60) + stream + "!",
		"https://storage.example/u?X-Goog-Algorithm=a&X-Goog-Signature=" + s.Marker + s.hex(16) + "&upload_id=x",
		"https://s3.example/u?a=b&X-Amz-Signature=" + s.Marker + s.hex(8),
		"https://stream.fastpix.com/x/text/x.vtt?token=" + s.Marker + "." + s.hex(16),
		"eyJ" + s.Marker + ".eyJ" + s.Marker + "." + s.hex(20),
	}
	s.drawn++
	return shapes[(s.drawn-1)%len(shapes)]
}

// Shapeless returns a secret that only its place betrays.
func (s *Secrets) Shapeless() string { return "live_" + s.Marker + s.hex(8) }

func (s *Secrets) hex(digits int) string {
	var b strings.Builder
	for range digits {
		fmt.Fprintf(&b, "%x", s.random.IntN(16))
	}
	return b.String()
}

// Plant yields the body with a secret in place of one string after the other, names of fields too, and the place. It
// panics if the body is not JSON: it is for samples.
func Plant(body []byte, secret func() string, yield func(place string, planted []byte) bool) {
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		panic(err)
	}
	p := planter{root: &root, secret: secret, yield: yield}
	p.walk("", &root, func(v any) { root = v })
}

type planter struct {
	root   *any
	secret func() string
	yield  func(string, []byte) bool
}

// walk visits every string below v, which set changes, and reports whether to go on.
func (p *planter) walk(place string, v *any, set func(any)) bool {
	switch value := (*v).(type) {
	case string:
		set(p.secret())
		ok := p.show(place)
		set(value)
		return ok
	case map[string]any:
		for name, member := range value {
			if !p.walk(place+"."+name, &member, func(v any) { value[name] = v }) {
				return false
			}
			planted := p.secret()
			delete(value, name)
			value[planted] = member
			ok := p.show(place + "." + name + " as a name")
			delete(value, planted)
			value[name] = member
			if !ok {
				return false
			}
		}
	case []any:
		for i := range value {
			if !p.walk(fmt.Sprintf("%s[%d]", place, i), &value[i], func(v any) { value[i] = v }) {
				return false
			}
		}
	}
	return true
}

func (p *planter) show(place string) bool {
	b, err := json.Marshal(*p.root)
	if err != nil {
		panic(err)
	}
	return p.yield(place, b)
}

// PlantFields returns the body with every field of Fields in every one of its objects but metadata, which is the customer's own text.
func PlantFields(body []byte, secret func() string) []byte {
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		panic(err)
	}
	plantFields(root, secret)
	b, err := json.Marshal(root)
	if err != nil {
		panic(err)
	}
	return b
}

func plantFields(v any, secret func() string) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name != "metadata" {
				plantFields(member, secret)
			}
		}
		for _, field := range Fields {
			v[field] = secret()
		}
	case []any:
		for _, element := range v {
			plantFields(element, secret)
		}
	}
}
