package simulate

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

// errReal ends a list at the first real mirror.
var errReal = errors.New("a real mirror")

// guard refuses an endpoint with real events, unless the user has said yes. The mirrors of a namespace belong to all of its endpoints.
//
// The time of the endpoint's last event does not say whether the event was real. If it is set, and no simulated mirror is there that explains it, it was.
func (o *options) guard(ctx context.Context, c client.Reader, e *fastpixv1.WebhookEndpoint) error {
	if o.yes {
		return nil
	}
	simulated, genuine := false, ""
	look := func(object client.Object) error {
		m, err := mirror.Of(object)
		switch {
		case err != nil:
			return err
		case !Simulated(m.ID):
			genuine = fmt.Sprintf("%s %s", m.Kind, m.GetName())
			return errReal
		}
		simulated = true
		return nil
	}
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		if err := cli.Each(ctx, c, list, look, client.InNamespace(e.Namespace)); err != nil && genuine == "" {
			return err
		}
	}
	switch {
	case genuine != "":
		return fmt.Errorf("namespace %s mirrors real objects, such as %s. To post a simulated event nevertheless, add --yes", e.Namespace, genuine)
	case e.Status.LastEventTime != nil && !simulated:
		return fmt.Errorf("the endpoint %s received an event %s ago, and no simulated object explains it. To post a simulated event nevertheless, add --yes",
			e.Name, o.Age(e.Status.LastEventTime.Time))
	}
	return nil
}
