package webhookserver

import (
	"context"
	"errors"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// maxProbeBytes bounds a body that is accepted as the dashboard's probe although no key can verify it.
const maxProbeBytes = 4 << 10

// errRepeated means that the signature header came more than once: two servers could use different ones of them.
var errRepeated = errors.New("the signature header came more than once")

// signedBody is a body and the signatures that came with it.
type signedBody struct {
	signatures []string
	body       []byte
	arrived    time.Time
}

// unsigned reports that there is no signature.
func (s signedBody) unsigned() bool {
	return len(s.signatures) == 0 || len(s.signatures) == 1 && s.signatures[0] == ""
}

// check verifies the body by the given keys and returns the fingerprint of the key that signed it.
func (s signedBody) check(accepted []signature.Key) (string, error) {
	if len(s.signatures) > 1 {
		return "", errRepeated
	}
	if s.unsigned() {
		return "", signature.ErrMissing
	}
	index, err := signature.Verify(accepted, s.signatures[0], s.body)
	if err != nil {
		return "", err
	}
	return accepted[index].Fingerprint(), nil
}

// verify returns the fingerprint of the key that signed the delivery, or a final outcome. A signature that fits no key causes another read
// of the Secrets: a new key works at the first delivery that it signs.
func verify(ctx context.Context, ring *keys.Keyring, spec *fastpixv1.WebhookEndpointSpec, s signedBody) (string, outcome) {
	usable := ring.Usable(spec)
	if len(usable.Keys) == 0 {
		ring.Reread(ctx, spec, s.arrived)
		if usable = ring.Usable(spec); len(usable.Keys) == 0 {
			if len(s.body) <= maxProbeBytes && event.LooksLikeProbe(s.body) {
				return "", outcome{result: resultProbe}
			}
			return "", outcome{result: resultNoKey}
		}
	}
	fingerprint, err := s.check(usable.Keys)
	recent := true
	if errors.Is(err, signature.ErrMismatch) || err != nil && !usable.Complete {
		recent = ring.Reread(ctx, spec, s.arrived)
		usable = ring.Usable(spec)
		fingerprint, err = s.check(usable.Keys)
	}
	switch {
	case err == nil:
		return fingerprint, outcome{}
	case usable.Complete && recent:
		return "", unverified(resultUnauthorized, err)
	}
	return "", unverified(resultKeyUnread, err)
}

// reasonMismatch is why a delivery is not verified whose signature is that of no signing secret.
const reasonMismatch = "mismatch"

// unverified counts a failed verification and returns its outcome.
func unverified(r result, err error) outcome {
	reason := reasonMismatch
	switch {
	case errors.Is(err, signature.ErrMissing):
		reason = "missing"
	case errors.Is(err, errRepeated):
		reason = "repeated"
	}
	verificationFailures.WithLabelValues(reason).Inc()
	return outcome{result: r, detail: reason}
}
