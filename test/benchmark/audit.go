package main

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
)

// auditLog reads the API server's audit log piece by piece.
type auditLog struct {
	file   string
	offset int64
}

// request is one kind of request: who, what, on which resource, with which answer.
type request struct {
	User     string
	Verb     string
	Resource string
	Code     int
}

// String returns for example "fastpix-receiver create eventbatches 201".
func (r request) String() string {
	return fmt.Sprintf("%s %s %s %d", r.User, r.Verb, r.Resource, r.Code)
}

// requests counts requests, and says when the last status of a media was written.
type requests struct {
	count      map[request]int
	lastStatus time.Time
}

// skip leaves out what was logged so far.
func (a *auditLog) skip() error {
	info, err := os.Stat(a.file)
	if err == nil {
		a.offset = info.Size()
	}
	return err
}

// read counts what was logged since the last call.
func (a *auditLog) read() (requests, error) {
	r := requests{count: map[request]int{}}
	f, err := os.Open(a.file)
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

func (r *requests) add(line []byte) error {
	var e struct {
		Stage, Verb    string
		User           struct{ Username string }
		ObjectRef      struct{ Resource, Subresource string }
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
	q := request{User: shortName(e.User.Username), Verb: e.Verb, Resource: e.ObjectRef.Resource, Code: e.ResponseStatus.Code}
	if e.ObjectRef.Subresource != "" {
		q.Resource += "/" + e.ObjectRef.Subresource
	}
	r.count[q]++
	if q == statusWrite && e.StageTimestamp.After(r.lastStatus) {
		r.lastStatus = e.StageTimestamp
	}
	return nil
}

var statusWrite = request{User: controllersAccount, Verb: "update", Resource: "mediaassets/status", Code: 200}

func shortName(user string) string {
	if i := strings.LastIndexByte(user, ':'); i >= 0 && strings.HasPrefix(user, "system:serviceaccount:") {
		return user[i+1:]
	}
	return user
}

// of counts the requests of some users.
func (r requests) of(users ...string) int {
	n := 0
	for q, count := range r.count {
		if slices.Contains(users, q.User) {
			n += count
		}
	}
	return n
}

// list returns the counts of some users by request, for people.
func (r requests) list(users ...string) map[string]int {
	list := map[string]int{}
	for q, n := range r.count {
		if slices.Contains(users, q.User) {
			list[q.String()] += n
		}
	}
	return list
}
