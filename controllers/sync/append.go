package sync

import (
	"context"
	"errors"
	"slices"
	gosync "sync"

	ctrl "sigs.k8s.io/controller-runtime"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

// appendAll appends records to the journal, and returns those that are in it. The API server may refuse single records; they are logged.
func (s *session) appendAll(ctx context.Context, records []*record.Record) (appended []*record.Record, _ error) {
	for chunk := range slices.Chunk(records, fastpixv1.MaxBatchEvents) {
		if err := s.waitForTurn(ctx); err != nil {
			return appended, err
		}
		refused, err := s.appendChunk(ctx, chunk)
		if err != nil {
			return appended, err
		}
		for i, r := range chunk {
			if !refused[i] {
				appended = append(appended, r)
			}
		}
		s.backlog.add(int64(len(chunk)), s.now())
	}
	return appended, nil
}

// appendChunk appends as many records as one batch holds. It returns which of them the API server refuses, and an error only if the context ends.
func (s *session) appendChunk(ctx context.Context, records []*record.Record) (refused []bool, _ error) {
	refused = make([]bool, len(records))
	var wg gosync.WaitGroup
	for i, r := range records {
		text, err := event.Fit(r)
		if err != nil {
			refused[i] = true
			ctrl.LoggerFrom(ctx).Error(err, "An observation does not fit into a record, the next run tries again", "WebhookEndpoint", s.name.String(), "type", r.Type)
			continue
		}
		wg.Go(func() { refused[i] = s.appendOne(ctx, text) })
	}
	wg.Wait()
	s.traceAppended(ctx, records, refused)
	return refused, ctx.Err()
}

// traceAppended traces the records that are in the journal. If the context has ended, some may be missing.
func (s *session) traceAppended(ctx context.Context, records []*record.Record, refused []bool) {
	log := trace.Logger(ctrl.LoggerFrom(ctx))
	if !log.Enabled() || ctx.Err() != nil {
		return
	}
	for i, r := range records {
		if !refused[i] {
			log.Info("Appended an observation", "eventID", r.ID, "eventType", r.Type, "WebhookEndpoint", s.name.String())
		}
	}
}

// appendOne appends one record, and reports whether the API server refuses it.
func (s *session) appendOne(ctx context.Context, text string) (refused bool) {
	_ = s.persist(ctx, func() error {
		attempt, cancel := context.WithTimeout(ctx, appendTimeout)
		defer cancel()
		err := s.journal.Append(attempt, s.name, text)
		if errors.Is(err, journal.ErrRefused) {
			refused = true
			// Do not log err itself: the API server quotes what it refuses.
			ctrl.LoggerFrom(ctx).Error(journal.ErrRefused, "The API server refused an observation, the next run tries again", "WebhookEndpoint", s.name.String())
			return nil
		}
		return err
	})
	return refused
}
