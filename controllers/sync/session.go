package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// turnPause is the pause before the next check whether the endpoint is suspended or has too large a backlog.
	turnPause = 500 * time.Millisecond
	// serverRetry is the pause before another request to the API server.
	serverRetry = time.Second
	// appendTimeout bounds one attempt to append a record to the journal.
	appendTimeout = 10 * time.Second
)

// errEndpointGone means that the endpoint was deleted, or does not want to be compared any more.
var errEndpointGone = errors.New("the endpoint is gone")

// Client asks the management API. It is a fastpixapi.Client.
type Client interface {
	MediaPage(ctx context.Context, credentials fastpixapi.Credentials, page int) (*fastpixapi.Page, error)
	StreamPage(ctx context.Context, credentials fastpixapi.Credentials, page int) (*fastpixapi.Page, error)
	Media(ctx context.Context, credentials fastpixapi.Credentials, id string) (*fastpixapi.Object, error)
	Stream(ctx context.Context, credentials fastpixapi.Credentials, id string) (*fastpixapi.Object, error)
}

// environment is what the sessions of all endpoints share.
type environment struct {
	api     Client
	live    client.Reader // reads from the API server
	cached  client.Reader // WebhookEndpoints from the informer
	journal *journal.Journal
	status  *statusWriter
	// grace is how long a webhook may be on its way, and the margin of the time of an observation.
	grace time.Duration
	// maxPending is the bound of the backlog of one endpoint.
	maxPending int64
	// operatorNamespace is the namespace of the syncer's service account.
	operatorNamespace string
	now               func() time.Time
}

// session asks the API on behalf of one endpoint, and appends what it says to the journal.
type session struct {
	*environment
	name        types.NamespacedName
	endpoint    *fastpixv1.WebhookEndpoint // as when the session began
	credentials fastpixapi.Credentials
	workspace   string // of the credentials; empty until it is known
	unavailable string // why the API gives no answer, as the condition says
	quiet       bool   // the session never writes that the API gives no answer
	slot        *slot
	backlog     backlog
}

func newSession(env *environment, e *fastpixv1.WebhookEndpoint) *session {
	s := &session{environment: env, name: client.ObjectKeyFromObject(e), endpoint: e, workspace: record.NormalizeID(e.Spec.WorkspaceID)}
	if s.workspace == "" && e.Status.Sync != nil {
		s.workspace = record.NormalizeID(e.Status.Sync.WorkspaceID)
	}
	return s
}

// current returns the endpoint as the informer has it.
func (s *session) current(ctx context.Context) (*fastpixv1.WebhookEndpoint, error) {
	var e fastpixv1.WebhookEndpoint
	if err := s.cached.Get(ctx, s.name, &e); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, errEndpointGone
		}
		return nil, fmt.Errorf("read the endpoint: %w", err)
	}
	if e.UID != s.endpoint.UID || e.Spec.Sync == nil {
		return nil, errEndpointGone
	}
	return &e, nil
}

// waitForTurn waits while the endpoint is suspended or has a backlog: webhooks come first.
func (s *session) waitForTurn(ctx context.Context) error {
	for {
		e, err := s.current(ctx)
		if err != nil {
			return err
		}
		if !e.Spec.Suspend && s.backlog.hasRoom(e, s.maxPending, s.now()) {
			return nil
		}
		if !clock.Sleep(ctx, turnPause) {
			return ctx.Err()
		}
	}
}

// ask sends a request to the API until it is answered: with what was asked for, that the object does not exist, or that the request is not accepted. While
// the API is unavailable or wants fewer requests, ask waits longer each time. It returns a problem if waiting is useless.
func (s *session) ask(ctx context.Context, request func(fastpixapi.Credentials) error) error {
	for failures := 1; ; failures++ {
		if err := s.waitForTurn(ctx); err != nil {
			return err
		}
		err := request(s.credentials)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			s.reportAvailable()
			return nil
		}
		switch fastpixapi.ReasonFor(err) {
		case fastpixapi.NotFound, fastpixapi.Rejected:
			s.reportAvailable()
			return err
		case fastpixapi.AccessDenied:
			return apiProblem(err)
		case fastpixapi.Unauthorized:
			if changed, readErr := s.rereadCredentials(ctx); readErr != nil {
				return readErr
			} else if !changed {
				return apiProblem(err)
			}
		case fastpixapi.RateLimited, fastpixapi.Unavailable:
			s.reportUnavailable(ctx, apiProblem(err))
			if err := s.slot.sleep(ctx, max(plan.Backoff(failures, random()), retryAfter(err))); err != nil {
				return err
			}
		}
	}
}

// retryAfter returns how long the API asks to wait.
func retryAfter(err error) time.Duration {
	if failure, ok := errors.AsType[*fastpixapi.Error](err); ok {
		return failure.RetryAfter
	}
	return 0
}

// errNoAnswer means that the API does not accept the question for an object: whether it exists is not known.
var errNoAnswer = errors.New("the API does not accept the question")

// observeObject asks for one object, and returns what the API says as a record: that it is so, or that it does not exist. It returns errNoAnswer if the API
// does not say.
func (s *session) observeObject(ctx context.Context, o object) (*record.Record, error) {
	var answer *fastpixapi.Object
	err := s.ask(ctx, func(credentials fastpixapi.Credentials) (err error) {
		if o.kind == record.LiveStream {
			answer, err = s.api.Stream(ctx, credentials, o.id)
		} else {
			answer, err = s.api.Media(ctx, credentials, o.id)
		}
		return err
	})
	if failure, ok := errors.AsType[*fastpixapi.Error](err); ok {
		if failure.Reason == fastpixapi.NotFound {
			return s.recordOf(event.Absent(o.kind, o.id), s.reply(failure.Date)), nil
		}
		return nil, errNoAnswer
	}
	if err != nil {
		return nil, err
	}
	observed, err := event.Observe(o.kind, answer.Row)
	if err != nil || observed.Change.ID != record.NormalizeID(o.id) {
		return nil, errNoAnswer
	}
	return s.recordOf(observed, s.reply(answer.Date)), nil
}

// reply returns when an answer was given.
func (s *session) reply(date time.Time) event.Reply {
	return event.Reply{Date: date, Received: clock.Latest(s.now(), s.endpoint.CreationTimestamp.Time), Grace: s.grace}
}

// object is one object of the API.
type object struct {
	kind record.Kind
	id   string
}

// objectOf returns the object that an observation is about.
func objectOf(rec *record.Record) object { return object{rec.Changes[0].Kind, rec.Changes[0].ID} }

// recordOf returns the record of an observation for this endpoint.
func (s *session) recordOf(o *event.Observation, reply event.Reply) *record.Record {
	if s.endpoint.Spec.MetadataPolicy == fastpixv1.MetadataOmit {
		o.OmitText()
	}
	return o.Record(reply, s.name, s.endpoint.UID)
}

// checkWorkspace compares the workspace of an object with that of the endpoint or of the run before.
func (s *session) checkWorkspace(id string) error {
	switch id = record.NormalizeID(id); {
	case id == "" || id == s.workspace:
		return nil
	case s.workspace == "":
		s.workspace = id
		return nil
	}
	return &problem{
		reason: fastpixv1.ReasonWorkspaceMismatch,
		message: fmt.Sprintf("The credentials belong to workspace %s, and the endpoint to workspace %s. Nothing was changed. ", id, s.workspace) +
			"Store credentials of the right workspace, or set spec.workspaceID to the workspace that the endpoint mirrors from now on.",
	}
}

// persist repeats a request to the API server until it succeeds or the context ends.
func (s *session) persist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !clock.Sleep(ctx, serverRetry) {
			return ctx.Err()
		}
	}
}

// purgedThrough returns the newest event time of the purged mirrors of the namespace; nil if there is none.
func (s *session) purgedThrough(ctx context.Context) *time.Time {
	var list fastpixv1.WebhookEndpointList
	if err := s.cached.List(ctx, &list, client.InNamespace(s.name.Namespace)); err != nil {
		return nil
	}
	var newest *time.Time
	for i := range list.Items {
		if at := list.Items[i].Status.PurgedThrough; at != nil && (newest == nil || at.After(*newest)) {
			newest = &at.Time
		}
	}
	return newest
}
