package queue

import (
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

func TestNamespacesTakeTurns(t *testing.T) {
	f := &fairStorage{canWait: func(record.Key) bool { return false }}
	for _, name := range []string{"1", "2", "3"} {
		f.Push(record.Key{Namespace: "busy", Name: name})
	}
	f.Push(record.Key{Namespace: "quiet", Name: "1"})
	got := popAll(f)
	if want := "busy1 quiet1 busy2 busy3"; strings.Join(got, " ") != want {
		t.Errorf("served %v, want %s", got, want)
	}
}

// TestObjectsThatCanWaitComeLast protects webhooks from a backfill of the same namespace, and the backfill from webhooks that never end.
func TestObjectsThatCanWaitComeLast(t *testing.T) {
	f := &fairStorage{canWait: func(key record.Key) bool { return strings.HasPrefix(key.Name, "later") }}
	for _, name := range []string{"later1", "later2", "later3", "1", "2", "3", "4", "5"} {
		f.Push(record.Key{Namespace: "busy", Name: name})
	}
	f.Push(record.Key{Namespace: "quiet", Name: "later"})
	got := popAll(f)
	if want := "busy1 quietlater busy2 busy3 busylater1 busy4 busy5 busylater2 busylater3"; strings.Join(got, " ") != want {
		t.Errorf("served %v, want %s", got, want)
	}
}

// popAll returns the queued objects in the order in which they are served.
func popAll(f *fairStorage) []string {
	var got []string
	for f.Len() > 0 {
		key := f.Pop()
		got = append(got, key.Namespace+key.Name)
	}
	return got
}
