package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	mirrorInterval = 20 * time.Millisecond
	mirrorTimeout  = time.Minute
)

// WaitMirror waits until a mirror in a namespace says what is wanted; the error says what it says instead.
func WaitMirror(ctx context.Context, c client.Reader, namespace string, want fixtures.Mirror) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, mirrorInterval, mirrorTimeout, true, func(ctx context.Context) (bool, error) {
		err := CheckMirror(ctx, c, namespace, want)
		if ctx.Err() == nil {
			last = err // not the error that the time is up
		}
		return err == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// CheckMirror returns nil if a mirror in a namespace says what is wanted, else what it says instead.
func CheckMirror(ctx context.Context, c client.Reader, namespace string, want fixtures.Mirror) error {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(want.Kind))
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: record.ObjectName(want.ID)}, u); err != nil {
		return fmt.Errorf("read %s %s: %w", want.Kind, want.ID, err)
	}
	fields := map[string]string{"{.status.state}": want.State}
	maps.Copy(fields, want.Fields)
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		got, err := field(u, path)
		if err != nil {
			errs = append(errs, err)
		} else if got != fields[path] {
			errs = append(errs, fmt.Errorf("%s %s: %s is %q, want %q", want.Kind, want.ID, path, got, fields[path]))
		}
	}
	return errors.Join(errs...)
}

// field returns what kubectl -o jsonpath would print.
func field(u *unstructured.Unstructured, path string) (string, error) {
	p := jsonpath.New(path).AllowMissingKeys(true)
	if err := p.Parse(path); err != nil {
		return "", fmt.Errorf("parse %s: %w", path, err)
	}
	var b strings.Builder
	if err := p.Execute(&b, u.Object); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return b.String(), nil
}
