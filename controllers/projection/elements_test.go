package projection

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect what a mirror leaves out of the elements of its lists, also in mirrors that older commits wrote.

// rulesRecord returns a record of a full list with one playback id and its rules. The event happened so many seconds after the first one.
func rulesRecord(seconds int, domains, userAgents *fastpixv1.AccessRule) *record.Record {
	at := metav1.NewMicroTime(time.Date(2026, 11, 20, 9, 0, seconds, 0, time.UTC))
	ids := record.ListChange[fastpixv1.PlaybackID]{Snapshot: []fastpixv1.PlaybackID{
		{ID: "p", AccessPolicy: "public", AccessRestrictions: &fastpixv1.AccessRestrictions{Domains: domains, UserAgents: userAgents}},
	}}
	return &record.Record{
		ID: "event-" + at.Format("05"), Type: "video.media.updated", Time: &at,
		Changes: []record.Change{{Kind: record.MediaAsset, ID: objectID, Media: &record.MediaChange{PlaybackIDs: ids}}},
	}
}

func TestRulesThatAllowEveryoneAreLeftOut(t *testing.T) {
	t.Parallel()
	everyone, nobody := &fastpixv1.AccessRule{DefaultPolicy: "allow"}, &fastpixv1.AccessRule{DefaultPolicy: "deny"}
	restrictions := func(m mirror) string { return jsonOf(m.media.PlaybackIDs[0].AccessRestrictions) }
	strict, half, lifted := rulesRecord(1, nobody, nobody), rulesRecord(2, nobody, everyone), rulesRecord(3, everyone, everyone)

	m := blank(record.MediaAsset).fold(strict, half)
	if got := restrictions(m); got != `{"domains":{"defaultPolicy":"deny"}}` {
		t.Errorf("with one rule that allows everyone: %s, want the other rule", got)
	}
	m = m.stored().fold(lifted)
	if got := restrictions(m); got != "null" {
		t.Errorf("after the rules were lifted: %s, want none", got)
	}
	if again := m.stored().fold(strict, half); again.json() != m.json() {
		t.Errorf("a redelivery of older rules gives %s, want %s", again.json(), m.json())
	}
}

func TestRulesThatOlderCommitsStored(t *testing.T) {
	t.Parallel()
	everyone := &fastpixv1.AccessRule{DefaultPolicy: "allow"}
	m := blank(record.MediaAsset).fold(rulesRecord(1, everyone, everyone))
	m.media.PlaybackIDs[0].AccessRestrictions = &fastpixv1.AccessRestrictions{Domains: everyone, UserAgents: everyone}
	old := m.stored()
	if again := old.fold(rulesRecord(1, everyone, everyone)); again.json() != old.json() {
		t.Errorf("a redelivery changes the stored mirror to %s, from %s", again.json(), old.json())
	}
	if m := old.fold(rulesRecord(2, everyone, everyone)); m.media.PlaybackIDs[0].AccessRestrictions != nil {
		t.Errorf("the next full list leaves %s", jsonOf(m.media.PlaybackIDs[0]))
	}
}
