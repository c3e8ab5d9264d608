package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// The names of the Deployments. The leases of the controllers and of the syncer have the same names as their Deployments.
const (
	receivers   = "fastpix-receiver"
	controllers = "fastpix-controller-manager"
	syncers     = "fastpix-syncer"
)

// eventsBeforeAndAfter is how many events must be acknowledged before a fault and again after it, so that the fault happens under load.
const eventsBeforeAndAfter = 300

// poll checks a condition every 100 ms.
func poll(ctx context.Context, limit time.Duration, condition wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, limit, true, condition)
}

// duringLoad runs a function under load, and then waits until every acknowledged event is mirrored.
func (e *e2e) duringLoad(ctx context.Context, do func(context.Context) error) (*load, error) {
	l, stop := e.startLoad(ctx)
	more := func() error {
		until := l.acknowledged() + eventsBeforeAndAfter
		return poll(ctx, time.Minute, func(context.Context) (bool, error) { return l.acknowledged() >= until, nil })
	}
	err := more()
	if err == nil {
		err = do(ctx)
	}
	if err == nil {
		err = more()
	}
	if err := errors.Join(err, stop()); err != nil {
		return nil, fmt.Errorf("%w; failed attempts: %s", err, strings.Join(l.failed, "; "))
	}
	return l, e.waitUntilMirrored(ctx, l)
}

// killReceiver kills one receiver without a grace period. Its connections break, and the sender sends the events again.
func (e *e2e) killReceiver(ctx context.Context) (string, error) {
	l, err := e.duringLoad(ctx, func(ctx context.Context) error {
		pods, err := e.pods(ctx, "receiver")
		if err != nil {
			return err
		}
		return e.kill(ctx, &pods[0])
	})
	if err != nil {
		return "", err
	}
	if err := e.waitForRollout(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d events acknowledged and mirrored, %d attempts failed", l.sent, len(l.failed)), nil
}

// killLeader kills the leader of the controllers. When the lease expires, another process becomes the leader and mirrors the events that
// are in the journal.
func (e *e2e) killLeader(ctx context.Context) (string, error) {
	var took time.Duration
	l, err := e.duringLoad(ctx, func(ctx context.Context) error {
		leader, err := e.leader(ctx)
		if err != nil {
			return err
		}
		pods, err := e.pods(ctx, "controllers")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return strings.HasPrefix(leader, p.Name+"_") })
		if i < 0 {
			return fmt.Errorf("no pod is the leader %q", leader)
		}
		killed := time.Now()
		if err := e.kill(ctx, &pods[i]); err != nil {
			return err
		}
		err = poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
			now, err := e.leader(ctx)
			return now != "" && now != leader, err
		})
		took = time.Since(killed)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := e.waitForRollout(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("a new leader after %.0f s; %d events acknowledged and mirrored, %d attempts failed", took.Seconds(), l.sent, len(l.failed)), nil
}

// rollOut replaces every pod under load. No delivery may fail.
func (e *e2e) rollOut(ctx context.Context) (string, error) {
	l, err := e.duringLoad(ctx, func(ctx context.Context) error {
		if _, err := e.run(ctx, "-n", operatorNamespace, "rollout", "restart", "deployment/"+receivers, "deployment/"+controllers, "deployment/"+syncers); err != nil {
			return err
		}
		if err := e.waitForRollout(ctx); err != nil {
			return err
		}
		// A terminating pod still accepts deliveries for a while.
		return poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
			var pods corev1.PodList
			err := e.client.List(ctx, &pods, client.InNamespace(operatorNamespace))
			return !slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil }), err
		})
	})
	if err != nil {
		return "", err
	}
	if len(l.failed) > 0 {
		return "", fmt.Errorf("%d of %d attempts failed: %s", len(l.failed), l.sent+len(l.failed), strings.Join(l.failed, "; "))
	}
	return fmt.Sprintf("%d events acknowledged and mirrored, no attempt failed", l.sent), nil
}

// evict requests the eviction of all receivers at once. The PodDisruptionBudget must allow exactly one.
func (e *e2e) evict(ctx context.Context) (string, error) {
	pods, err := e.pods(ctx, "receiver")
	if err != nil {
		return "", err
	}
	var evicted, refused int
	for i := range pods {
		err := e.client.SubResource("eviction").Create(ctx, &pods[i], &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: pods[i].Name}})
		switch {
		case err == nil:
			evicted++
		case apierrors.IsTooManyRequests(err):
			refused++
		default:
			return "", err
		}
	}
	if evicted != 1 || refused != len(pods)-1 {
		return "", fmt.Errorf("%d of %d receivers were evicted at once, want 1", evicted, len(pods))
	}
	return fmt.Sprintf("1 of %d receivers was evicted", len(pods)), e.waitForRollout(ctx)
}

// quota is the number of batches that the quota of the journal allows in the test.
const quota = "5"

// fillQuota stops the controllers and fills the journal up to its quota. The receiver must answer 503 when the quota is reached, and accept
// events again after the controllers have emptied the journal. The quota controller of Kubernetes counts the batches.
func (e *e2e) fillQuota(ctx context.Context) (string, error) {
	const counted = "count/eventbatches.video.fastpix.com"
	patch := `{"spec":{"hard":{"` + counted + `":"` + quota + `"}}}`
	if err := e.runDocumented(ctx, readmeQuota); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"wait", "resourcequota/fastpix-journal", `--for=jsonpath={.status.used.count\/eventbatches\.video\.fastpix\.com}`, "--timeout=90s"},
		{"scale", "deployment/" + controllers, "--replicas=0"},
		{"wait", "--for=delete", "pod", "--selector=app.kubernetes.io/component=controllers", "--timeout=90s"},
		{"patch", "resourcequota/fastpix-journal", "--type=merge", "-p", patch},
		{"wait", "resourcequota/fastpix-journal", `--for=jsonpath={.status.hard.count\/eventbatches\.video\.fastpix\.com}=` + quota, "--timeout=90s"},
	} {
		if _, err := e.run(ctx, append([]string{"-n", operatorNamespace}, args...)...); err != nil {
			return "", err
		}
	}
	accepted, err := e.sendUntilFull(ctx)
	if err != nil {
		return "", err
	}
	if _, err := e.run(ctx, "-n", operatorNamespace, "scale", "deployment/"+controllers, "--replicas=2"); err != nil {
		return "", err
	}
	started := time.Now()
	body := eventAbout(fixtures.MediaA, "video.media.ready.json")
	if err := e.deliverUntilAcknowledged(ctx, body); err != nil {
		return "", err
	}
	recovered := time.Since(started)
	if err := e.runDocumented(ctx, readmeQuota); err != nil {
		return "", err
	}
	if err := poll(ctx, 2*time.Minute, func(ctx context.Context) (bool, error) {
		var batches fastpixv1.EventBatchList
		err := e.client.List(ctx, &batches, client.InNamespace(operatorNamespace))
		return len(batches.Items) == 0, err
	}); err != nil {
		return "", fmt.Errorf("wait until the journal is empty: %w", err)
	}
	return fmt.Sprintf("503 after %d batches, 200 again %.0f s after the controllers started", accepted, recovered.Seconds()), e.waitForRollout(ctx)
}

// sendUntilFull sends events one at a time, so that each is a batch of its own, until the answer is 503.
func (e *e2e) sendUntilFull(ctx context.Context) (accepted int, err error) {
	for range 100 {
		body := eventAbout(fixtures.MediaA, "video.media.updated.json")
		code, err := e.receiver.Post(ctx, path, body, fixtures.Sign(fixtures.SigningSecret, body))
		switch {
		case err != nil:
			return 0, err
		case code == 503:
			return accepted, nil
		case code != 200:
			return 0, fmt.Errorf("the receiver answers %d", code)
		}
		accepted++
	}
	return 0, fmt.Errorf("the receiver acknowledged %d events, although the quota is %s batches", accepted, quota)
}

// deliverUntilAcknowledged sends an event again and again until it is acknowledged. The quota controller may still have to count, or the
// node may not yet route to new pods.
func (e *e2e) deliverUntilAcknowledged(ctx context.Context, body []byte) error {
	var code int
	var last error
	err := poll(ctx, 3*time.Minute, func(ctx context.Context) (bool, error) {
		code, last = e.receiver.Post(ctx, path, body, fixtures.Sign(fixtures.SigningSecret, body))
		return last == nil && code == 200, nil
	})
	if err != nil {
		return fmt.Errorf("the last answer was %d: %w", code, errors.Join(err, last))
	}
	return nil
}

// leader returns the holder of the controllers' lease, or "" if there is none.
func (e *e2e) leader(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: controllers}, &lease); err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	return *lease.Spec.HolderIdentity, nil
}

// pods returns the pods of a component that are not terminating.
func (e *e2e) pods(ctx context.Context, component string) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := e.client.List(ctx, &list, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/component": component})
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if err == nil && len(pods) == 0 {
		err = fmt.Errorf("no pod of the component %s exists", component)
	}
	return pods, err
}

// kill kills the process of a pod without a grace period. In a cluster other than that of hack/cluster it deletes the pod with the shortest
// grace period instead.
func (e *e2e) kill(ctx context.Context, pod *corev1.Pod) error {
	if e.options.clusterDir == "" {
		_, err := e.run(ctx, "-n", pod.Namespace, "delete", "pod", pod.Name, "--grace-period=0", "--force")
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	_, container, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	_, err = e.runCommand(ctx, filepath.Join(filepath.Dir(program), "cluster"),
		"-dir", e.options.clusterDir, "ctr", "tasks", "kill", "--signal", "SIGKILL", container)
	return err
}
