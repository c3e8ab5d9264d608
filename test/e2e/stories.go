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

// tellStories sends every event of the stories and waits for what it leads to. Meanwhile the README's pipeline waits for its asset.
func (e *e2e) tellStories(ctx context.Context) (string, error) {
	if err := e.readme(ctx, readmeMediaAsset); err != nil {
		return "", err
	}
	hasKubectl := e.options.clusterDir != "" // the image that the Job names
	if hasKubectl {
		if err := e.readme(ctx, waitJob); err != nil {
			return "", err
		}
	}
	waited := make(chan error, 1)
	go func() {
		waited <- e.readme(ctx, readmeWaitAsset)
	}()
	steps := fixtures.Steps()
	for _, s := range steps {
		if err := e.tell(ctx, s); err != nil {
			return "", fmt.Errorf("%s: %w", s.File, err)
		}
		if s.File == "video.media.ready.json" {
			if err := <-waited; err != nil {
				return "", err
			}
			if hasKubectl { // before the story goes on: in its end the asset is deleted
				if err := e.readme(ctx, waitWaitJob); err != nil {
					return "", err
				}
			}
		}
	}
	var errs []error
	for _, m := range fixtures.Final() {
		errs = append(errs, controlplane.CheckMirror(ctx, e.client, namespace, m))
	}
	job := "the waiting Job not tried: this cluster has no image with kubectl"
	if hasKubectl {
		job = "the waiting Job is done"
	}
	return fmt.Sprintf("%d events, %d mirrors; %s", len(steps), len(fixtures.Final()), job), errors.Join(errs...)
}

func (e *e2e) tell(ctx context.Context, s fixtures.Step) error {
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

// The Job of config/gitops, which waits for the README's asset, and what waits for it.
const (
	waitJob     = "kubectl apply -f config/gitops/wait_job.yaml"
	waitWaitJob = "kubectl wait --namespace=video --for=condition=Complete job/wait-for-asset --timeout=90s"
)

// forge waits until a wrong signature is known to be one: a receiver that has not yet read the key anew answers that it cannot tell.
func (e *e2e) forge(ctx context.Context) (string, error) {
	body := fixtures.Payload("video.media.ready.json")
	forged := fixtures.Sign(fixtures.SigningSecret, append(body, ' '))
	var code int
	err := poll(ctx, 30*time.Second, func(ctx context.Context) (_ bool, err error) {
		code, err = e.receiver.Post(ctx, path, body, forged)
		return code == 401, err
	})
	if err != nil {
		return "", fmt.Errorf("it is answered %d: %w", code, err)
	}
	return "401", nil
}

// checkLogs looks for what must not be in a log; that the logs can be read is part of it.
func (e *e2e) checkLogs(ctx context.Context) (string, error) {
	lines := 0
	for _, component := range []string{"receiver", "controllers"} {
		log, err := e.run(ctx, "-n", operatorNamespace, "logs", "--selector", "app.kubernetes.io/component="+component, "--tail=-1", "--max-log-requests=20")
		if err != nil {
			return "", err
		}
		for _, marker := range append(fixtures.Markers, fixtures.SigningSecret) {
			if strings.Contains(log, marker) {
				return "", fmt.Errorf("the logs of the %s hold %q", component, marker)
			}
		}
		lines += strings.Count(log, "\n")
	}
	return fmt.Sprintf("%d lines", lines), nil
}
