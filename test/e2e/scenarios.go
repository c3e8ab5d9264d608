package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// runScenarios sends every event of the scenarios and waits until the mirrors show it. At the same time, the pipeline of the README waits
// for its asset.
func (e *e2e) runScenarios(ctx context.Context) (string, error) {
	if err := e.runDocumented(ctx, readmeMediaAsset); err != nil {
		return "", err
	}
	hasKubectl := e.options.clusterDir != "" // only that cluster has the image of the Job
	if hasKubectl {
		if err := e.runDocumented(ctx, applyJob); err != nil {
			return "", err
		}
	}
	waited := make(chan error, 1)
	go func() {
		waited <- e.runDocumented(ctx, readmeWaitAsset)
	}()
	steps := fixtures.Steps()
	for _, s := range steps {
		if err := e.runStep(ctx, s); err != nil {
			return "", fmt.Errorf("%s: %w", s.File, err)
		}
		if s.File == "video.media.ready.json" {
			if err := <-waited; err != nil {
				return "", err
			}
			if hasKubectl { // wait now: the scenario deletes the asset later
				if err := e.runDocumented(ctx, waitForJob); err != nil {
					return "", err
				}
			}
		}
	}
	var errs []error
	for _, m := range fixtures.Final() {
		errs = append(errs, controlplane.CheckMirror(ctx, e.client, namespace, m))
	}
	job := "the waiting Job is skipped: this cluster has no image with kubectl"
	if hasKubectl {
		job = "the waiting Job is complete"
	}
	return fmt.Sprintf("%d events, %d mirrors; %s", len(steps), len(fixtures.Final()), job), errors.Join(errs...)
}

func (e *e2e) runStep(ctx context.Context, s fixtures.Step) error {
	body := fixtures.Payload(s.File)
	if err := e.receiver.Deliver(ctx, path, body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil {
		return err
	}
	for _, want := range s.Then {
		if err := controlplane.WaitMirror(ctx, e.client, namespace, want); err != nil {
			return err
		}
	}
	return nil
}

// The commands that create the Job of config/gitops, which waits for the asset of the README, and that wait until the Job is complete.
const (
	applyJob   = "kubectl apply -f config/gitops/wait_job.yaml"
	waitForJob = "kubectl wait --namespace=video --for=condition=Complete job/wait-for-asset --timeout=90s"
)

// checkForgedSignature waits until an event with a wrong signature is answered 401. A receiver that does not know yet whether its key is
// current answers 503.
func (e *e2e) checkForgedSignature(ctx context.Context) (string, error) {
	body := fixtures.Payload("video.media.ready.json")
	forged := fixtures.Sign(fixtures.SigningSecret, append(body, ' '))
	var code int
	err := poll(ctx, 30*time.Second, func(ctx context.Context) (_ bool, err error) {
		code, err = e.receiver.Post(ctx, path, body, forged)
		return code == 401, err
	})
	if err != nil {
		return "", fmt.Errorf("the answer is %d, want 401: %w", code, err)
	}
	return "401", nil
}

// checkLogs checks that the logs can be read and contain no secret.
func (e *e2e) checkLogs(ctx context.Context) (string, error) {
	lines := 0
	for _, component := range []string{"receiver", "controllers", "syncer"} {
		log, err := e.logOf(ctx, component)
		if err != nil {
			return "", err
		}
		for _, marker := range append(fixtures.Markers, fixtures.SigningSecret) {
			if strings.Contains(log, marker) {
				return "", fmt.Errorf("the logs of the component %s contain %q", component, marker)
			}
		}
		lines += strings.Count(log, "\n")
	}
	return fmt.Sprintf("%d lines", lines), nil
}

// logOf returns the logs of the pods of a component.
func (e *e2e) logOf(ctx context.Context, component string) (string, error) {
	return e.run(ctx, "-n", operatorNamespace, "logs", "--selector", "app.kubernetes.io/component="+component, "--tail=-1", "--max-log-requests=20")
}
