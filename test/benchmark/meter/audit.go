package meter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// AuditLog reads the API server's audit log piece by piece.
type AuditLog struct {
	File   string
	offset int64
}

// Request is one kind of request: who, what, on which resource, with which answer.
type Request struct {
	User     string
	Verb     string
	Resource string
	Code     int
}

// String returns for example "fastpix-receiver create eventbatches 201".
func (r Request) String() string {
	return fmt.Sprintf("%s %s %s %d", r.User, r.Verb, r.Resource, r.Code)
}

// Requests counts requests, and says when statuses of media were written.
type Requests struct {
	Count      map[Request]int
	LastStatus time.Time
	// FirstStatus is when the status of each media was written first.
	FirstStatus map[types.NamespacedName]time.Time
}

// Skip leaves out what was logged so far.
func (a *AuditLog) Skip() error {
	info, err := os.Stat(a.File)
	if err == nil {
		a.offset = info.Size()
	}
	return err
}

// Read counts what was logged since the last call.
func (a *AuditLog) Read() (Requests, error) {
	r := Requests{Count: map[Request]int{}, FirstStatus: map[types.NamespacedName]time.Time{}}
	f, err := os.Open(a.File)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if _, err := f.Seek(a.offset, io.SeekStart); err != nil {
		return r, err
	}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a line without an end is read next time
			return r, nil
		}
		if err != nil {
			return r, err
		}
		a.offset += int64(len(line))
		if err := r.add(line); err != nil {
			return r, fmt.Errorf("read audit log: %w", err)
		}
	}
}

func (r *Requests) add(line []byte) error {
	var e struct {
		Stage, Verb    string
		User           struct{ Username string }
		ObjectRef      struct{ Resource, Subresource, Namespace, Name string }
		ResponseStatus struct{ Code int }
		StageTimestamp time.Time
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	// A watch is counted when it starts: most have not ended when their burst has.
	if (e.Verb == "watch") != (e.Stage == "ResponseStarted") {
		return nil
	}
	q := Request{User: ShortName(e.User.Username), Verb: e.Verb, Resource: e.ObjectRef.Resource, Code: e.ResponseStatus.Code}
	if e.ObjectRef.Subresource != "" {
		q.Resource += "/" + e.ObjectRef.Subresource
	}
	r.Count[q]++
	if q != statusWrite {
		return nil
	}
	if e.StageTimestamp.After(r.LastStatus) {
		r.LastStatus = e.StageTimestamp
	}
	media := types.NamespacedName{Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name}
	if first, ok := r.FirstStatus[media]; !ok || e.StageTimestamp.Before(first) {
		r.FirstStatus[media] = e.StageTimestamp
	}
	return nil
}

var statusWrite = Request{User: tenant.ControllersAccount, Verb: "update", Resource: "mediaassets/status", Code: 200}

// StatusWrite is the key of successful writes of a mirror's status in Requests.List.
var StatusWrite = statusWrite.String()

// ShortName returns a user name without the prefix of ServiceAccounts.
func ShortName(user string) string {
	if i := strings.LastIndexByte(user, ':'); i >= 0 && strings.HasPrefix(user, "system:serviceaccount:") {
		return user[i+1:]
	}
	return user
}

// Of counts the requests of some users.
func (r Requests) Of(users ...string) int {
	n := 0
	for q, count := range r.Count {
		if slices.Contains(users, q.User) {
			n += count
		}
	}
	return n
}

// List returns the counts of some users by request, for people.
func (r Requests) List(users ...string) map[string]int {
	list := map[string]int{}
	for q, n := range r.Count {
		if slices.Contains(users, q.User) {
			list[q.String()] += n
		}
	}
	return list
}
