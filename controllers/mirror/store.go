package mirror

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

// CreationManager is the field manager of a creation whose managed fields the policy fastpix-managed-fields removes
// (config/admission/managed_fields.yaml). For some seconds after its start, and after a CRD changed, the API server cannot run such a policy
// and answers 503. The policy ignores creations by another field manager.
const CreationManager = "fastpix-controllers"

// Store reads and writes mirrors.
type Store struct {
	Client client.Client
	// Live reads from the API server. No informer holds mirrors.
	Live client.Reader
	// Cache holds mirrors as they were last written, so that the next event of an object needs no read.
	Cache Cache
	// RecordEvents records Kubernetes Events about a write that succeeded.
	RecordEvents func(before, after Object)
}

// write writes the status of after, which was computed from before.
func (s *Store) write(ctx context.Context, key record.Key, before, after Object) error {
	after.APIObject().SetManagedFields(nil) // the API server uses its own when a status is written
	if err := s.Client.Status().Update(ctx, after.APIObject()); err != nil {
		s.Cache.Drop(key)
		return writeError{err, true}
	}
	if err := apiserver.CheckReturned(after.APIObject()); err != nil {
		s.Cache.Drop(key)
		return err
	}
	s.Cache.Set(key, after)
	statusWrites.WithLabelValues(string(key.Kind)).Inc()
	s.RecordEvents(before, after)
	return nil
}

// read returns an object's mirror; nil if the mirror does not exist. The result may be stale, because it comes from the Cache or from the
// watch cache of the API server. A write of a stale mirror meets a conflict.
func (s *Store) read(ctx context.Context, key record.Key) (Object, error) {
	if m := s.Cache.Get(key); m != nil {
		return m, nil
	}
	return s.get(ctx, key, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
}

// readLive is read, but the result is never stale.
func (s *Store) readLive(ctx context.Context, key record.Key) (Object, error) {
	return s.get(ctx, key)
}

func (s *Store) get(ctx context.Context, key record.Key, options ...client.GetOption) (Object, error) {
	m := New(key.Kind)
	err := s.Live.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.APIObject(), options...)
	switch {
	case apiserver.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read mirror: %w", err)
	}
	return m, nil
}

// create creates a mirror. It returns the mirror as the API server has it, and whether this call created it.
func (s *Store) create(ctx context.Context, m Object, key record.Key) (_ Object, created bool, _ error) {
	err := s.Client.Create(ctx, m.APIObject(), client.FieldOwner(CreationManager))
	if apierrors.IsServiceUnavailable(err) {
		err = s.Client.Create(ctx, m.APIObject())
	}
	switch {
	case err == nil:
		if err := apiserver.CheckReturned(m.APIObject()); err != nil {
			return nil, false, err
		}
		return m, true, nil
	case apierrors.IsAlreadyExists(err):
		m, err := s.readLive(ctx, key)
		if m == nil && err == nil {
			err = fmt.Errorf("create mirror: %s was created and deleted concurrently", key)
		}
		return m, false, err
	}
	// The API server may refuse to create an object that exists but that its watch cache does not show yet.
	if m, readErr := s.readLive(ctx, key); m != nil || readErr != nil {
		return m, false, readErr
	}
	return nil, false, writeError{fmt.Errorf("create mirror: %w", err), false}
}
