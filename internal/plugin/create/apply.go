package create

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// apply creates what does not exist. The Secrets come before the rights: if a Secret is another's, nobody gets the right to read it. The endpoint comes last:
// its conditions then say nothing that is over a moment later.
func (o *options) apply(ctx context.Context, c client.Client, s *setUp) error {
	if o.createNamespace {
		if err := o.applyNamespace(ctx, c, s.namespace); err != nil {
			return err
		}
	}
	if err := o.refuseOthers(ctx, c, s); err != nil {
		return err
	}
	for _, object := range append(s.secrets(), s.rights()...) {
		if err := o.applyOne(ctx, c, object); err != nil {
			return explain(err)
		}
	}
	e, err := o.applyEndpoint(ctx, c, s)
	if err != nil || o.dryRun != dryRunNone || !o.printer.IsTable() {
		return err
	}
	return o.showNextStep(ctx, c, s, e)
}

// refuseOthers fails if a Secret that is to be read has another type: it belongs to something else. Who may not get a Secret cannot grant the right to do so.
func (o *options) refuseOthers(ctx context.Context, c client.Client, s *setUp) error {
	for _, wanted := range s.named() {
		var existing corev1.Secret
		err := c.Get(ctx, client.ObjectKeyFromObject(wanted), &existing)
		switch {
		case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		case err != nil:
			return err
		case existing.Type != wanted.Type && !o.overwrite:
			return fmt.Errorf("%s exists and has another content: its type is %q and not %q. Look whether something else uses it, and choose another name for the endpoint. "+
				"To replace it, say --overwrite", reference(wanted), existing.Type, wanted.Type)
		}
	}
	return nil
}

// applyNamespace creates the namespace. A user who may not create it needs no such right if it exists.
func (o *options) applyNamespace(ctx context.Context, c client.Client, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	switch err := c.Create(ctx, namespace); {
	case apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsForbidden(err) && c.Get(ctx, client.ObjectKeyFromObject(namespace), namespace) == nil:
		return nil
	case err != nil:
		return err
	}
	return o.say(namespace, "created")
}

// applyOne creates an object. If another one has its name, that is an error unless both have the same content. It is read only then, because a user may be
// allowed to create Secrets and not to read them.
func (o *options) applyOne(ctx context.Context, c client.Client, object client.Object) error {
	wanted, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", object)
	}
	switch err := c.Create(ctx, object); {
	case err == nil:
		return o.say(object, "created")
	case !apierrors.IsAlreadyExists(err):
		return err
	}
	existing, ok := wanted.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", wanted)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(wanted), existing); err != nil {
		return err
	}
	if sameContent(existing, wanted) {
		return o.say(existing, "unchanged")
	}
	if !o.overwrite {
		return fmt.Errorf("%s exists and has another content. Look whether something else uses it. To replace it, say --overwrite", reference(existing))
	}
	if err := o.replace(ctx, c, existing, wanted); err != nil {
		return err
	}
	return o.say(wanted, "replaced")
}

// replace gives an object another content. The type of a Secret and the role of a RoleBinding cannot be changed, so that such an object is deleted and created.
func (o *options) replace(ctx context.Context, c client.Client, existing, wanted client.Object) error {
	if takeContent(existing, wanted) {
		return c.Update(ctx, existing)
	}
	uid := existing.GetUID()
	if err := c.Delete(ctx, existing, client.Preconditions{UID: &uid}); err != nil || o.dryRun == dryRunServer { // which deletes nothing, so that the name is taken
		return err
	}
	return c.Create(ctx, wanted)
}

// takeContent gives an object the content of another one of its kind, if it can be changed.
func takeContent(existing, wanted client.Object) bool {
	switch a := existing.(type) {
	case *corev1.Secret:
		b, ok := wanted.(*corev1.Secret)
		if !ok || a.Type != b.Type || a.Immutable != nil && *a.Immutable {
			return false
		}
		a.Data = b.Data
		return true
	case *rbacv1.Role:
		b, ok := wanted.(*rbacv1.Role)
		if ok {
			a.Rules = b.Rules
		}
		return ok
	case *rbacv1.RoleBinding:
		b, ok := wanted.(*rbacv1.RoleBinding)
		if !ok || a.RoleRef != b.RoleRef {
			return false
		}
		a.Subjects = b.Subjects
		return true
	}
	return false
}

// sameContent reports whether two objects of a kind mean the same.
func sameContent(a, b client.Object) bool {
	switch a := a.(type) {
	case *corev1.Secret:
		b, ok := b.(*corev1.Secret)
		return ok && a.Type == b.Type && apiequality.Semantic.DeepEqual(a.Data, b.Data)
	case *rbacv1.Role:
		b, ok := b.(*rbacv1.Role)
		return ok && apiequality.Semantic.DeepEqual(a.Rules, b.Rules)
	case *rbacv1.RoleBinding:
		b, ok := b.(*rbacv1.RoleBinding)
		return ok && a.RoleRef == b.RoleRef && apiequality.Semantic.DeepEqual(a.Subjects, b.Subjects)
	}
	return false
}

// applyEndpoint creates the endpoint, or adds what it lacks. The controllers write its status at any time; then it is read and completed again.
func (o *options) applyEndpoint(ctx context.Context, c client.Client, s *setUp) (*fastpixv1.WebhookEndpoint, error) {
	e := s.endpoint()
	switch err := c.Create(ctx, e); {
	case err == nil:
		return e, o.say(e, "created")
	case !apierrors.IsAlreadyExists(err):
		return nil, err
	}
	var changed bool
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() (err error) {
		changed, err = o.completeEndpoint(ctx, c, s, e)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !changed:
		return e, o.say(e, "unchanged")
	}
	return e, o.say(e, "changed")
}

// completeEndpoint reads the endpoint and adds what it lacks. It reports whether that was anything.
func (o *options) completeEndpoint(ctx context.Context, c client.Client, s *setUp, e *fastpixv1.WebhookEndpoint) (changed bool, _ error) {
	if err := c.Get(ctx, client.ObjectKeyFromObject(e), e); err != nil {
		return false, err
	}
	before := e.DeepCopy()
	if named := s.otherAPISecret(e); named != "" && !o.overwrite {
		return false, fmt.Errorf("the endpoint reads its access token from the Secret %s. To have it read %s, say --overwrite", named, s.apiSecretName())
	}
	s.complete(e)
	if apiequality.Semantic.DeepEqual(before.Spec, e.Spec) {
		return false, nil
	}
	return true, c.Patch(ctx, e, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// say prints what was done to an object. A Secret is never printed, whatever the format.
func (o *options) say(object client.Object, what string) error {
	if !o.printer.IsTable() {
		if _, secret := object.(*corev1.Secret); secret && !o.printer.IsName() {
			return nil
		}
		return o.printer.Print(o.Out, nil, object)
	}
	if o.dryRun == dryRunServer {
		what += " (server dry run)"
	}
	fmt.Fprintf(o.Out, "%s %s\n", reference(object), what)
	return nil
}

// printAll prints objects, for a dry run.
func (o *options) printAll(objects []client.Object) error {
	for _, object := range objects {
		if o.printer.IsTable() {
			fmt.Fprintf(o.Out, "%s created (dry run)\n", reference(object))
		} else if err := o.printer.Print(o.Out, nil, object); err != nil {
			return err
		}
	}
	return nil
}

// reference returns the kind and the name of an object, as kubectl prints them.
func reference(object client.Object) string {
	gvk, err := apiutil.GVKForObject(object, cli.NewScheme())
	if err != nil {
		return object.GetName()
	}
	return strings.ToLower(gvk.GroupKind().String()) + "/" + object.GetName()
}

// explain says what to do about an error of the API server that is about rights to grant, or about the namespace.
func explain(err error) error {
	switch status := apierrors.APIStatus(nil); {
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "attempting to grant RBAC permissions not currently held"):
		return fmt.Errorf("%w\nYou can grant only rights that you have: to let the operator read a Secret, you need the right to get it. Ask an administrator of the namespace", err)
	case apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return fmt.Errorf("%w. To create the namespace, say --create-namespace", err)
	}
	return err
}
