package verify

import (
	"strings"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// Header is one header of a captured delivery.
type Header struct {
	Name, Value string
}

// Delivery is what was captured of a delivery.
type Delivery struct {
	Body []byte
	// Headers are those headers that may hold the signature.
	Headers []Header
}

// Secret is a signing secret as it is stored.
type Secret struct {
	// Name says where it is stored.
	Name string
	Text []byte
	// Other says that the secret belongs to another endpoint, so that it does not count.
	Other bool
	// Problem says why the receiver does not use the secret, apart from its text; nil if it does.
	Problem error
}

// Verdict says whether a delivery verifies, and if not, why. It never holds a secret.
type Verdict struct {
	// Verified says that the receiver accepts the signature.
	Verified bool `json:"verified"`
	// Certain says that the mistakes are proved: without them the signature is right.
	Certain bool `json:"certain"`
	// Mistakes are why the delivery does not verify, at least one if it does not.
	Mistakes []Mistake `json:"mistakes,omitempty"`
	// Secret says where the secret is that signed the delivery, and Fingerprint identifies it; both are empty if none did.
	Secret      string `json:"secret,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Diagnose verifies a delivery as the receiver does. If it does not verify, Diagnose undoes the usual mistakes, alone and together, until the
// signature is right. The verdict then names the fewest mistakes that explain the delivery. If nothing does, it names what is probable.
func Diagnose(d Delivery, secrets []Secret) Verdict {
	named := d.named()
	if len(named) == 1 {
		if v, ok := verifyAsReceiver(named[0].Value, d.Body, secrets); ok {
			return v
		}
	}
	if v, ok := explain(d, secrets, len(named) > 1); ok {
		return v
	}
	return Verdict{Mistakes: guess(d, secrets)}
}

// named returns the headers that the receiver reads.
func (d Delivery) named() []Header {
	var named []Header
	for _, h := range d.Headers {
		if isSignatureHeader(h) && h.Value != "" {
			named = append(named, h)
		}
	}
	return named
}

func isSignatureHeader(h Header) bool { return strings.EqualFold(h.Name, signature.Header) }

// verifyAsReceiver verifies by the operator's own code, with the secrets that count.
func verifyAsReceiver(header string, body []byte, secrets []Secret) (Verdict, bool) {
	for _, s := range secrets {
		key, err := signature.ParseKey(s.Text)
		if err != nil || s.Other || s.Problem != nil {
			continue
		}
		if _, err := signature.Verify([]signature.Key{key}, header, body); err == nil {
			return Verdict{Verified: true, Certain: true, Secret: s.Name, Fingerprint: key.Fingerprint()}, true
		}
	}
	return Verdict{}, false
}

// explain looks for the fewest mistakes without which the signature is right.
func explain(d Delivery, secrets []Secret, repeated bool) (Verdict, bool) {
	keys, fewest := keysOf(secrets), Verdict{}
	for body := range bodiesOf(d.Body) {
		for _, k := range keys {
			signed := k.key.Sign(body.text)
			for _, h := range d.Headers {
				mistakes, ok := compare(h, signed)
				if !ok {
					continue
				}
				mistakes = with(with(mistakes, k.mistake), body.mistake())
				if repeated {
					mistakes = with(mistakes, signatureRepeated)
				}
				if fewest.Mistakes == nil || len(mistakes) < len(fewest.Mistakes) {
					fewest = Verdict{Certain: true, Mistakes: mistakes, Secret: k.name, Fingerprint: k.key.Fingerprint()}
				}
			}
		}
		if len(fewest.Mistakes) == 1 {
			break
		}
	}
	return fewest, fewest.Mistakes != nil
}

// with adds a mistake, unless there is none.
func with(mistakes []Mistake, m Mistake) []Mistake {
	if m == none {
		return mistakes
	}
	return append(mistakes, m)
}

// guess returns the probable mistakes of a delivery that nothing explains.
func guess(d Delivery, secrets []Secret) []Mistake {
	var probable []Mistake
	usable := false
	for _, s := range secrets {
		if s.Other {
			continue
		}
		key, err := signature.ParseKey(s.Text)
		switch {
		case s.Problem != nil:
			probable = append(probable, secretUnusable(s.Name, s.Problem))
		case err != nil:
			probable = append(probable, secretUnusable(s.Name, err))
		case key.Encoded():
			probable = append(probable, secretEncodedTwice)
		}
		usable = usable || err == nil
	}
	named := d.named()
	switch {
	case len(d.Headers) == 0 || len(named) == 0 && !hasValue(d.Headers):
		return append(probable, signatureMissing)
	case len(named) == 0:
		probable = append(probable, signatureMissing)
	case !looksLikeSignature(named[0].Value):
		probable = append(probable, notASignature)
	case len(named) > 1:
		probable = append(probable, signatureRepeated)
	}
	if len(d.Body) == 0 {
		probable = append(probable, bodyEmpty)
	} else if why := looksReencoded(d.Body); why != "" && usable {
		probable = append(probable, bodyLooksReencoded(why))
	}
	if probable == nil {
		return []Mistake{unexplained}
	}
	return probable
}

func hasValue(headers []Header) bool {
	for _, h := range headers {
		if h.Value != "" {
			return true
		}
	}
	return false
}
