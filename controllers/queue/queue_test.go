package queue

import (
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

func TestNamespacesTakeTurns(t *testing.T) {
	f := &fairStorage{}
	for _, name := range []string{"1", "2", "3"} {
		f.Push(record.Key{Namespace: "busy", Name: name})
	}
	f.Push(record.Key{Namespace: "quiet", Name: "1"})
	var got []string
	for f.Len() > 0 {
		key := f.Pop()
		got = append(got, key.Namespace+key.Name)
	}
	if want := "busy1 quiet1 busy2 busy3"; strings.Join(got, " ") != want {
		t.Errorf("served %v, want %s", got, want)
	}
}
