package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// store reads and writes mirrors.
type store struct {
	client client.Client
	// live reads from the API server: no informer holds mirrors.
	live client.Reader
	// written remembers what was written last, so that the next event of an object needs no read.
	written written
	// notify records Kubernetes Events about a write that succeeded.
	notify func(before, after mirror)
}

// write writes the status of after, which was computed from before.
func (s *store) write(ctx context.Context, key record.Key, before, after mirror) error {
	after.object().SetManagedFields(nil) // the API server looks at its own alone when a status is written
	if err := s.client.Status().Update(ctx, after.object()); err != nil {
		s.written.drop(key)
		return writeError{err, true}
	}
	if err := shown(after.object()); err != nil {
		s.written.drop(key)
		return err
	}
	s.written.set(key, after)
	statusWrites.WithLabelValues(string(key.Kind)).Inc()
	s.notify(before, after)
	return nil
}

// read returns an object's mirror, nil if there is none. It is not certain to be the newest: what was written last and what the API
// server has in memory may be older, which a write meets as a conflict.
func (s *store) read(ctx context.Context, key record.Key) (mirror, error) {
	if m := s.written.get(key); m != nil {
		return m, nil
	}
	return s.get(ctx, key, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
}

// readLive is the same, and certain.
func (s *store) readLive(ctx context.Context, key record.Key) (mirror, error) {
	return s.get(ctx, key)
}

func (s *store) get(ctx context.Context, key record.Key, options ...client.GetOption) (mirror, error) {
	m := newMirror(key.Kind)
	err := s.live.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.object(), options...)
	switch {
	case apiserver.IsGone(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read mirror: %w", err)
	}
	return m, nil
}

// create creates a mirror. It returns the mirror that the API server has, and whether this call created it.
func (s *store) create(ctx context.Context, m mirror, key record.Key) (_ mirror, created bool, _ error) {
	err := s.client.Create(ctx, m.object())
	switch {
	case err == nil:
		if err := shown(m.object()); err != nil {
			return nil, false, err
		}
		return m, true, nil
	case apierrors.IsAlreadyExists(err):
		m, err := s.readLive(ctx, key)
		if m == nil && err == nil {
			err = fmt.Errorf("create mirror: %s was created and deleted meanwhile", key)
		}
		return m, false, err
	}
	// A refusal to create an object says nothing about an object that exists and that the API server's watch cache does not show yet.
	if m, readErr := s.readLive(ctx, key); m != nil || readErr != nil {
		return m, false, readErr
	}
	return nil, false, writeError{fmt.Errorf("create mirror: %w", err), false}
}
