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

// The Deployments; the controllers' lease has the name of theirs.
const (
	receivers   = "fastpix-receiver"
	controllers = "fastpix-controller-manager"
)

// Before and after something is broken so many events are acknowledged, so that it happens in the middle.
const eventsAround = 300

// poll asks every 100 ms.
func poll(ctx context.Context, limit time.Duration, holds wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, limit, true, holds)
}

// during does something while a load runs, and waits until everything that was acknowledged is mirrored.
func (e *e2e) during(ctx context.Context, do func(context.Context) error) (*load, error) {
	l, stop := e.startLoad(ctx)
	more := func() error {
		until := l.acknowledged() + eventsAround
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
	return l, e.waitMirrored(ctx, l)
}

// killReceiver kills one of the receivers without a warning. Its connections break, and FastPix sends again.
func (e *e2e) killReceiver(ctx context.Context) (string, error) {
	l, err := e.during(ctx, func(ctx context.Context) error {
		pods, err := e.pods(ctx, "receiver")
		if err != nil {
			return err
		}
		return e.kill(ctx, &pods[0])
	})
	if err != nil {
		return "", err
	}
	if err := e.waitRollOut(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d events acknowledged and mirrored, %d attempts failed meanwhile", l.sent, len(l.failed)), nil
}

// killLeader kills the controllers that lead. Another process leads when the lease has run out, and mirrors what was journaled meanwhile.
func (e *e2e) killLeader(ctx context.Context) (string, error) {
	var took time.Duration
	l, err := e.during(ctx, func(ctx context.Context) error {
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
			return fmt.Errorf("the leader %q is none of the pods", leader)
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
	if err := e.waitRollOut(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("another leads after %.0f s; %d events acknowledged and mirrored, %d attempts failed", took.Seconds(), l.sent, len(l.failed)), nil
}

// rollOut replaces every pod while deliveries come, none of which may fail.
func (e *e2e) rollOut(ctx context.Context) (string, error) {
	l, err := e.during(ctx, func(ctx context.Context) error {
		if _, err := e.run(ctx, "-n", operatorNamespace, "rollout", "restart", "deployment/"+receivers, "deployment/"+controllers); err != nil {
			return err
		}
		if err := e.waitRollOut(ctx); err != nil {
			return err
		}
		// A pod that leaves still takes deliveries for a while.
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

// evict asks for both receivers to leave at once: the PodDisruptionBudget lets one go.
func (e *e2e) evict(ctx context.Context) (string, error) {
	pods, err := e.pods(ctx, "receiver")
	if err != nil {
		return "", err
	}
	var left, refused int
	for i := range pods {
		err := e.client.SubResource("eviction").Create(ctx, &pods[i], &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: pods[i].Name}})
		switch {
		case err == nil:
			left++
		case apierrors.IsTooManyRequests(err):
			refused++
		default:
			return "", err
		}
	}
	if left != 1 || refused != len(pods)-1 {
		return "", fmt.Errorf("of %d receivers %d may leave at once", len(pods), left)
	}
	return fmt.Sprintf("of %d at once one may leave", len(pods)), e.waitRollOut(ctx)
}

// quota is what the journal may hold in the test.
const quota = "5"

// fillQuota lets the journal fill while nobody mirrors: the real quota controller counts, the receiver answers 503 when it is full, and takes events again
// when the controllers have emptied it.
func (e *e2e) fillQuota(ctx context.Context) (string, error) {
	const counted = "count/eventbatches.video.fastpix.com"
	patch := `{"spec":{"hard":{"` + counted + `":"` + quota + `"}}}`
	if err := e.readme(ctx, readmeQuota); err != nil {
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
	if err := e.deliverPatiently(ctx, body); err != nil {
		return "", err
	}
	recovered := time.Since(started)
	if err := e.readme(ctx, readmeQuota); err != nil {
		return "", err
	}
	if err := poll(ctx, 2*time.Minute, func(ctx context.Context) (bool, error) {
		var batches fastpixv1.EventBatchList
		err := e.client.List(ctx, &batches, client.InNamespace(operatorNamespace))
		return len(batches.Items) == 0, err
	}); err != nil {
		return "", fmt.Errorf("the journal does not get empty: %w", err)
	}
	return fmt.Sprintf("503 after %d batches, 200 again %.0f s after the controllers came back", accepted, recovered.Seconds()), e.waitRollOut(ctx)
}

// sendUntilFull sends one event after the other, each a batch of its own, until one is answered 503.
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
			return 0, fmt.Errorf("answer %d", code)
		}
		accepted++
	}
	return 0, fmt.Errorf("%d events were acknowledged, although the quota is %s batches", accepted, quota)
}

// deliverPatiently delivers an event that is not acknowledged until the quota controller has counted again, or the node has learnt of new pods.
func (e *e2e) deliverPatiently(ctx context.Context, body []byte) error {
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

// leader returns who holds the controllers' lease.
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

// pods returns the pods of a component that are not on their way out.
func (e *e2e) pods(ctx context.Context, component string) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := e.client.List(ctx, &list, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/component": component})
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if err == nil && len(pods) == 0 {
		err = fmt.Errorf("there is no pod of the %s", component)
	}
	return pods, err
}

// kill ends a pod's process without a warning. Where only the API server can be asked, the pod is deleted with the shortest notice instead.
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
