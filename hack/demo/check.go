package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// check compares the final states of all mirrors with the expected ones, searches for secrets, and prints a summary.
func (d *demo) check(ctx context.Context) error {
	fmt.Println()
	if err := d.show(ctx, getMirrors); err != nil {
		return err
	}
	fmt.Println()
	checks := []struct {
		what string
		do   func(context.Context) error
	}{
		{"every mirror has its final state", d.checkMirrors},
		{"the requested run repaired the one mirror, and changed nothing else", d.checkSync},
		{"the journal is empty", d.checkJournal},
		{"no stream key, signed URL or token is in etcd, in a log or in a metric", d.checkLeaks},
	}
	for _, c := range checks {
		if err := step(c.what, func() error { return c.do(ctx) }); err != nil {
			return fmt.Errorf("check that %s: %w", c.what, err)
		}
	}
	fmt.Printf("\n%d events became %d resources, all as expected; %d ms to acknowledge an event, %d ms to mirror it (medians).\n",
		len(d.measured.mirrored), len(fixtures.Final()), median(d.measured.acknowledged).Milliseconds(), median(d.measured.mirrored).Milliseconds())
	fmt.Printf("Sync mirrored %d older objects in %.1f s, and repaired a lost webhook in %.1f s; it sent %d requests to FastPix's API.\n",
		len(pastMirrors()), d.measured.backfilled.Seconds(), d.measured.repaired.Seconds(), d.workspace.requests())
	fmt.Printf("%.1f s until ready, %.1f s for the scenarios, %.1f s in all.\n",
		d.ready.Seconds(), d.measured.scenarios.Seconds(), time.Since(d.started).Seconds())
	return nil
}

func (d *demo) checkMirrors(ctx context.Context) error {
	var errs []error
	for _, m := range append(fixtures.Final(), finalPastMirrors()...) {
		errs = append(errs, controlplane.CheckMirror(ctx, d.client, namespace, m))
	}
	return errors.Join(errs...)
}

func (d *demo) checkJournal(ctx context.Context) error {
	var batches fastpixv1.EventBatchList
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := d.client.List(ctx, &batches, client.InNamespace(operatorNamespace))
		return len(batches.Items) == 0, err
	})
	if err != nil {
		return fmt.Errorf("%d batches are left: %w", len(batches.Items), err)
	}
	return nil
}

func (d *demo) checkLeaks(ctx context.Context) error {
	markers := append(fastpixfake.Secrets(fastpixfake.StreamID(0)), fixtures.Markers...)
	leaks, err := d.plane.Leaks(ctx, markers, d.receiver, d.controllers, d.syncer)
	if err == nil && len(leaks) > 0 {
		err = errors.New(strings.Join(leaks, "\n"))
	}
	return err
}
