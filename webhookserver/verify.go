package webhookserver

import (
	"context"
	"errors"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/event"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// maxProbeBytes bounds a body that is taken for the dashboard's probe although nothing can verify it.
const maxProbeBytes = 4 << 10

// errRepeated means that the signature's header came more than once: whoever reads the first and whoever reads the last would
// disagree.
var errRepeated = errors.New("the signature came more than once")

// claim is the signature that a delivery shows.
type claim struct {
	headers []string
	body    []byte
	arrived time.Time
}

// unsigned reports that there is no signature at all.
func (c claim) unsigned() bool {
	return len(c.headers) == 0 || len(c.headers) == 1 && c.headers[0] == ""
}

// check verifies the claim by the given keys and returns the fingerprint of the one that signed.
func (c claim) check(accepted []signature.Key) (string, error) {
	if len(c.headers) > 1 {
		return "", errRepeated
	}
	if c.unsigned() {
		return "", signature.ErrMissing
	}
	index, err := signature.Verify(accepted, c.headers[0], c.body)
	if err != nil {
		return "", err
	}
	return accepted[index].Fingerprint(), nil
}

// verify returns the fingerprint of the key that signed the delivery, or what else becomes of it. A signature that fits no key makes
// the Secrets be read again: a new key works at the first delivery it signs.
func verify(ctx context.Context, ring *keys.Keyring, spec *fastpixv1.WebhookEndpointSpec, c claim) (string, outcome) {
	known := ring.Usable(spec)
	if len(known.Keys) == 0 {
		ring.Reread(ctx, spec, c.arrived)
		if known = ring.Usable(spec); len(known.Keys) == 0 {
			if len(c.body) <= maxProbeBytes && event.LooksLikeProbe(c.body) {
				return "", outcome{result: resultProbe}
			}
			return "", outcome{result: resultNoKey}
		}
	}
	fingerprint, err := c.check(known.Keys)
	recent := true
	if errors.Is(err, signature.ErrMismatch) || err != nil && !known.Complete {
		recent = ring.Reread(ctx, spec, c.arrived)
		known = ring.Usable(spec)
		fingerprint, err = c.check(known.Keys)
	}
	switch {
	case err == nil:
		return fingerprint, outcome{}
	case known.Complete && recent:
		return "", unverified(resultForged, err)
	}
	return "", unverified(resultKeyUnread, err)
}

// unverified counts a failed verification.
func unverified(r result, err error) outcome {
	reason := "mismatch"
	switch {
	case errors.Is(err, signature.ErrMissing):
		reason = "missing"
	case errors.Is(err, errRepeated):
		reason = "repeated"
	}
	verificationFailures.WithLabelValues(reason).Inc()
	return outcome{result: r, detail: reason}
}
