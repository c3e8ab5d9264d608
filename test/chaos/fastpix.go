package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// syncGrace is how long the syncers let a webhook be on its way: short, so that many runs happen and some overtake webhooks.
	syncGrace = 3 * time.Second
	// syncRate is how many requests a second the syncers send at most. The tests have no reason to spare the fake.
	syncRate = 1000
)

// serveFastPix starts the management API, and the link of the syncers to it.
func (r *testEnv) serveFastPix() (err error) {
	if r.fastpix, err = fastpixfake.Serve(fastpixfake.New(), "127.0.0.1:0"); err != nil {
		return err
	}
	r.fastpixLink, err = proxy.New(r.fastpixAddress())
	return err
}

// fastpixAddress is where the management API listens.
func (r *testEnv) fastpixAddress() string {
	address, _, _ := strings.Cut(strings.TrimPrefix(r.fastpix.URL(), "http://"), "/")
	return address
}

// prepareSyncers prepares the syncers.
func (r *testEnv) prepareSyncers(ctx context.Context) error {
	identity, err := r.plane.ServiceAccount(ctx, tenant.OperatorNamespace, tenant.SyncerAccount)
	if err != nil {
		return err
	}
	url := strings.Replace(r.fastpix.URL(), r.fastpixAddress(), r.fastpixLink.Address(), 1)
	for i := range syncerCount {
		m, err := newOperatorProcess(r, fmt.Sprintf("syncer-%d", i+1), identity, false, "--receiver=false", "--controllers=false", "--syncer", "--leader-elect",
			"--fastpix-api-url="+url, fmt.Sprintf("--sync-grace=%v", syncGrace), fmt.Sprintf("--sync-rate=%d", syncRate))
		if err != nil {
			return err
		}
		r.processes = append(r.processes, m)
	}
	return nil
}

// newWorkspace makes an empty workspace with an access token.
func (r *testEnv) newWorkspace() *workload.Workspace {
	access := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	return &workload.Workspace{Workspace: r.fastpix.AddWorkspace(string(uuid.NewUUID()), access), Access: access}
}

// restoreFastPix ends every fault of the management API.
func (r *testEnv) restoreFastPix() {
	r.fastpix.Heal()
	r.fastpixLink.SetFault(proxy.Fault{})
}

// closeFastPix ends the management API, if it was started.
func (r *testEnv) closeFastPix() error {
	var errs []error
	if r.fastpixLink != nil {
		errs = append(errs, r.fastpixLink.Close())
	}
	if r.fastpix != nil {
		errs = append(errs, r.fastpix.Close())
	}
	return errors.Join(errs...)
}

// askTimeout is how long a fault of the management API waits for a syncer that asks.
const askTimeout = 12 * time.Second

// waitAsked waits until a syncer has met a fault of the management API, and then as long as the fault lasts. A fault that none met has no effect.
func waitAsked(ctx context.Context, f fault, met func() bool) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, askTimeout, true, func(context.Context) (bool, error) { return met(), nil })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: no syncer asked", errNoEffect)
	}
	clock.Sleep(ctx, f.length)
	return nil
}

// removeFastPix refuses all connections to the management API.
func removeFastPix(ctx context.Context, n *round, f fault) error {
	link := n.env.fastpixLink
	before := link.Refused()
	link.SetFault(proxy.Fault{Reset: true})
	defer link.SetFault(proxy.Fault{})
	return waitAsked(ctx, f, func() bool { return link.Refused() > before })
}

// slowest is how long the management API takes for each answer when it is slow. The syncers wait for an answer longer than that.
const slowest = time.Second

// answer5xx and the other functions make the management API answer wrongly.
func answer5xx(ctx context.Context, n *round, f fault) error {
	if f.seed%2 == 0 {
		return n.env.answerWrongly(ctx, f, fastpixfake.HTML(http.StatusBadGateway))
	}
	return n.env.answerWrongly(ctx, f, fastpixfake.Status(http.StatusInternalServerError, ""))
}

func answer429(ctx context.Context, n *round, f fault) error {
	return n.env.answerWrongly(ctx, f, fastpixfake.Status(http.StatusTooManyRequests, "2"))
}

func cutAnswersOff(ctx context.Context, n *round, f fault) error {
	return n.env.answerWrongly(ctx, f, fastpixfake.CutOff())
}

func answerSlowly(ctx context.Context, n *round, f fault) error {
	return n.env.answerWrongly(ctx, f, fastpixfake.Slow(slowest))
}

// answerWrongly makes the management API answer wrongly. Of two faults at once the earlier one counts.
func (r *testEnv) answerWrongly(ctx context.Context, f fault, wrong fastpixfake.Fault) error {
	var answers atomic.Int64
	if answer := wrong.Answer; answer != nil {
		wrong.Answer = func(w http.ResponseWriter, request *http.Request) {
			answers.Add(1)
			answer(w, request)
		}
	}
	if before := wrong.Before; before != nil {
		wrong.Before = func(request *http.Request) {
			answers.Add(1)
			before(request)
		}
	}
	defer r.fastpix.Inject(wrong)()
	return waitAsked(ctx, f, func() bool { return answers.Load() > 0 })
}
