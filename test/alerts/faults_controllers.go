package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

func killControllers(_ context.Context, e *env) (func(context.Context) error, error) {
	e.controllers.Kill()
	return func(ctx context.Context) error { return ensureRunning(ctx, e.controllers.Process) }, nil
}

// freezeControllers stops the controllers for a minute, in which twelve events wait. They are not killed: of a process that starts, Prometheus does not
// see what happens before its first scrape. After the end of the fault so many events are mirrored in time that the error budget suffices again.
func freezeControllers(ctx context.Context, e *env) (func(context.Context) error, error) {
	e.silent.Lock()
	defer e.silent.Unlock()
	e.controllers.Pause()
	defer e.controllers.Resume()
	if err := e.deliverEvents(ctx, e.synced, 12); err != nil {
		return nil, err
	}
	clock.Sleep(ctx, time.Minute)
	return func(ctx context.Context) error { return e.deliverEvents(ctx, e.video, 400) }, nil
}

// fillBacklog lets an admission webhook refuse mirrors with an answer that the controllers retry for five minutes, and delivers events until the receiver
// refuses more.
func fillBacklog(ctx context.Context, e *env) (func(context.Context) error, error) {
	namespace, err := e.newTenant(ctx, "backlog", signingSecret)
	if err != nil {
		return nil, err
	}
	allow, err := e.refuseByWebhook(ctx, namespace)
	if err != nil {
		return allow, err
	}
	const senders = 8
	full := make(chan error, senders)
	for range senders {
		go func() { full <- e.deliverUntilRefused(ctx, namespace) }()
	}
	var errs []error
	for range senders {
		errs = append(errs, <-full)
	}
	return allow, errors.Join(errs...)
}

// deliverUntilRefused delivers new events until one is answered 503.
func (e *env) deliverUntilRefused(ctx context.Context, namespace string) error {
	for range 2 * maxPending {
		switch code, err := e.deliver(ctx, namespace, newEvent(time.Now())); {
		case err != nil:
			return err
		case code == http.StatusServiceUnavailable:
			return nil
		}
	}
	return errors.New("the receiver accepts more events than its bound")
}

// refuseMirrors refuses a mirror for good. The controllers retry the failed record when they start.
func refuseMirrors(ctx context.Context, e *env) (func(context.Context) error, error) {
	namespace, err := e.newTenant(ctx, "refused", signingSecret)
	if err != nil {
		return nil, err
	}
	allow, err := e.refuse(ctx, namespace)
	if err == nil {
		err = e.deliverEvents(ctx, namespace, 1)
	}
	return func(ctx context.Context) error {
		if err := allow(ctx); err != nil {
			return err
		}
		if err := e.controllers.Stop(); err != nil {
			return err
		}
		return ensureRunning(ctx, e.controllers.Process)
	}, err
}

// refuse lets an admission policy refuse new assets in a namespace, and waits until it does.
func (e *env) refuse(ctx context.Context, namespace string) (allow func(context.Context) error, err error) {
	meta := metav1.ObjectMeta{Name: "no-mirrors-" + namespace}
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{
			NamespaceSelector: selectorOf(namespace), ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: newAssets}},
		},
		Validations: []admissionv1.Validation{{Expression: "false", Message: "none here", Reason: new(metav1.StatusReasonInvalid)}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: meta.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
	}}
	for _, o := range []client.Object{policy, binding} {
		if err := e.admin.Create(ctx, o); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error { return e.admin.Delete(ctx, binding) }, e.waitRefused(ctx, namespace)
}

// waitRefused waits until the API server refuses new assets in a namespace.
func (e *env) waitRefused(ctx context.Context, namespace string) error {
	err := wait.PollUntilContextTimeout(ctx, pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		probe := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "probe"}}
		return e.admin.Create(ctx, probe, client.DryRunAll) != nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait until mirrors are refused: %w", err)
	}
	return nil
}

func deleteNamespace(ctx context.Context, e *env) (func(context.Context) error, error) {
	namespace, err := e.newTenant(ctx, "deleted", signingSecret)
	if err != nil {
		return nil, err
	}
	// The controllers must not mirror the events before the namespace is deleted.
	e.controllers.Pause()
	defer e.controllers.Resume()
	if err := e.deliverEvents(ctx, namespace, 3); err != nil {
		return nil, err
	}
	return nothing, e.admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}

// forgeBatch creates a batch whose counts no receiver writes.
func forgeBatch(ctx context.Context, e *env) (func(context.Context) error, error) {
	batch := &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: tenant.OperatorNamespace, Name: "forged-" + string(uuid.NewUUID()),
			Annotations: map[string]string{fastpixv1.EventCountsAnnotation: fmt.Sprintf("%s/%s=%d", e.video, tenant.EndpointName, fastpixv1.MaxBatchEvents+1)},
		},
		Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
	}
	if err := e.asReceiver.Create(ctx, batch); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { // its record cannot be read, so the controllers move it to the failed records
		failed := client.MatchingLabels{fastpixv1.FailedLabel: "true"}
		return errors.Join(client.IgnoreNotFound(e.admin.Delete(ctx, batch)),
			e.admin.DeleteAllOf(ctx, &fastpixv1.EventBatch{}, client.InNamespace(tenant.OperatorNamespace), failed))
	}, nil
}
