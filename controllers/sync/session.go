package sync

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
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
	// turnTimeout is how long an endpoint may be suspended or have a backlog before its run gives up, to begin again later.
	turnTimeout = 15 * time.Minute
	// longWait is a pause for which a run compares what it holds, and frees the memory.
	longWait = 10 * time.Second
	// turnPause is the pause before the next check whether the endpoint is suspended or has too large a backlog.
	turnPause = 500 * time.Millisecond
	// serverRetry is the pause before another request to the API server.
	serverRetry = time.Second
	// persistLogInterval is how often the log says that it fails.
	persistLogInterval = time.Minute
	// appendTimeout bounds one attempt to append a record to the journal.
	appendTimeout = 10 * time.Second
)

// errEndpointGone means that the endpoint was deleted, or does not want to be compared any more.
var errEndpointGone = errors.New("the endpoint is gone")

// errNoTurn means that the endpoint was suspended or had a backlog for too long.
var errNoTurn = errors.New("the endpoint is suspended or has a backlog")

// Client asks the management API. It is a fastpixapi.Client.
type Client interface {
	MediaPage(ctx context.Context, credentials fastpixapi.Credentials, page int) (*fastpixapi.Page, error)
	StreamPage(ctx context.Context, credentials fastpixapi.Credentials, page int) (*fastpixapi.Page, error)
	Media(ctx context.Context, credentials fastpixapi.Credentials, id string) (*fastpixapi.Object, error)
	Stream(ctx context.Context, credentials fastpixapi.Credentials, id string) (*fastpixapi.Object, error)
	// Pause returns how long the API asked not to be asked with the credentials.
	Pause(credentials fastpixapi.Credentials) time.Duration
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
	// serviceAccount is the syncer's service account as commands of kubectl name it.
	serviceAccount string
	now            func() time.Time
}

// session asks the API on behalf of one endpoint, and appends what it says to the journal.
type session struct {
	*environment
	name        types.NamespacedName
	endpoint    *fastpixv1.WebhookEndpoint // as when the session began
	credentials fastpixapi.Credentials
	workspace   string // of the credentials; empty until it is known
	// workspaceSeen says that an answer in this session named the workspace.
	workspaceSeen bool
	// reported is the condition Synced before the session wrote that the API gives no answer; nil if it did not. unavailable is the reason that it wrote.
	reported    *metav1.Condition
	unavailable string
	once        bool // the session asks each question once, and writes no condition
	waits       atomic.Bool
	slot        *slot
	// park frees the memory of a run before a long wait; nil if there is nothing to free.
	park    func(context.Context) error
	backlog backlog
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

// waitForTurn waits while the endpoint is suspended or has a backlog: webhooks come first. It does not wait for ever, because the run holds memory. A session
// that asks only once does not wait.
func (s *session) waitForTurn(ctx context.Context) error {
	for begun := s.now(); ; {
		e, err := s.current(ctx)
		switch {
		case err != nil:
			return err
		case !e.Spec.Suspend && s.backlog.hasRoom(e, s.maxPending, s.now()):
			return nil
		case s.once || s.now().Sub(begun) > turnTimeout:
			return errNoTurn
		}
		if err := s.slot.sleep(ctx, turnPause); err != nil {
			return err
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
		if pause := s.api.Pause(s.credentials); pause > 0 { // the API asked another run to wait
			if s.once {
				return errNoTurn
			}
			if err := s.wait(ctx, pause); err != nil {
				return err
			}
		}
		err := request(s.credentials)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reason := fastpixapi.ReasonFor(err)
		if err == nil || reason == fastpixapi.NotFound || reason == fastpixapi.Rejected {
			s.reportAvailable(ctx)
			return err
		}
		switch {
		case s.once || reason == fastpixapi.AccessDenied:
			return apiProblem(err)
		case reason == fastpixapi.Unauthorized:
			if changed, readErr := s.rereadCredentials(ctx); readErr != nil {
				return readErr
			} else if !changed {
				return apiProblem(err)
			}
			continue
		case failures > 1 || reason == fastpixapi.RateLimited: // one answer that fails says little
			s.reportUnavailable(ctx, apiProblem(err))
		}
		if err := s.wait(ctx, max(plan.Backoff(failures, random()), retryAfter(err))); err != nil {
			return err
		}
	}
}

// wait waits until the API may be asked again. It gives the place of the run to others, and before a long wait the memory.
func (s *session) wait(ctx context.Context, d time.Duration) error {
	if d >= longWait && s.park != nil {
		if err := s.park(ctx); err != nil {
			return err
		}
	}
	s.waits.Store(true)
	defer s.waits.Store(false)
	return s.slot.sleep(ctx, d)
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

// isOnlyInPages reports whether the API does not answer questions for the object, because its id is no UUID.
func (o object) isOnlyInPages() bool { return !plan.Mirror{Kind: o.kind, ID: o.id}.CanBeAsked() }

// objectOf returns the object that an observation is about.
func objectOf(rec *record.Record) object { return object{rec.Changes[0].Kind, rec.Changes[0].ID} }

// recordOf returns the record of an observation for this endpoint, as the journal holds it: it is cut to its size before it is compared with a mirror. What AI
// found is dropped first, because a page does not hold it.
func (s *session) recordOf(o *event.Observation, reply event.Reply) *record.Record {
	if s.endpoint.Spec.MetadataPolicy == fastpixv1.MetadataOmit {
		event.DropText(&o.Change)
	}
	rec := o.Record(reply, s.name, s.endpoint.UID)
	if _, err := record.Encode(rec); err == nil {
		return rec
	}
	if o.Change.Media != nil {
		o.Change.Media.AI = nil
		rec = o.Record(reply, s.name, s.endpoint.UID)
	}
	if _, err := event.Fit(rec); err != nil {
		return rec // the journal says so
	}
	return rec
}

// checkWorkspace compares the workspace of an object with that of the endpoint or of the run before.
func (s *session) checkWorkspace(id string) error {
	switch id = record.NormalizeID(id); {
	case id == "":
		return nil
	case s.workspace == "" || id == s.workspace:
		s.workspace, s.workspaceSeen = id, true
		return nil
	}
	return &problem{
		reason: fastpixv1.ReasonWorkspaceMismatch,
		message: fmt.Sprintf("The credentials belong to workspace %s, and the endpoint to workspace %s. Nothing was changed. ", id, s.workspace) +
			"Store credentials of the right workspace, or set spec.workspaceID to the workspace that the endpoint mirrors from now on.",
	}
}

// policies says for the mirrors of a namespace whether they must not hold customers' text. It follows the rule of the controllers: the endpoint that a mirror
// names decides; for a mirror without an endpoint, any endpoint of the namespace with the policy Omit.
type policies struct {
	omits   map[string]bool // by the name of an endpoint
	anyOmit bool
}

func (s *session) policies(ctx context.Context) (policies, error) {
	var list fastpixv1.WebhookEndpointList
	if err := s.cached.List(ctx, &list, client.InNamespace(s.name.Namespace)); err != nil {
		return policies{}, fmt.Errorf("find endpoints: %w", err)
	}
	p := policies{omits: map[string]bool{}}
	for i := range list.Items {
		omits := list.Items[i].Spec.MetadataPolicy == fastpixv1.MetadataOmit
		p.omits[list.Items[i].Name] = omits
		p.anyOmit = p.anyOmit || omits
	}
	return p, nil
}

// apply removes from a record what the mirror of its object must not hold.
func (p policies) apply(rec *record.Record, m *mirror) {
	omits, known := p.omits[m.Endpoint]
	if omits || !known && p.anyOmit {
		event.DropText(&rec.Changes[0])
	}
}

// persist repeats a request to the API server until it succeeds or the context ends. It logs the first failure, and then one a minute.
func (s *session) persist(ctx context.Context, do func() error) error {
	var logged time.Time
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if now := s.now(); now.Sub(logged) >= persistLogInterval {
			logged = now
			ctrl.LoggerFrom(ctx).Error(err, "A request to the API server failed, will retry", "WebhookEndpoint", s.name.String())
		}
		if !clock.Sleep(ctx, serverRetry) {
			return ctx.Err()
		}
	}
}
