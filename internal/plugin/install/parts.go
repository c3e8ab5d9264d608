package install

import (
	"context"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// The labels of the operator's Deployments.
const (
	nameLabel      = "app.kubernetes.io/name"
	componentLabel = "app.kubernetes.io/component"
	operatorName   = "fastpix-operator"
)

// Components are the parts of the operator, as their label names them.
var Components = []string{"receiver", "controllers", "syncer"}

// leases are the leases of the parts that elect a leader.
var leases = map[string]string{"controllers": "fastpix-controller-manager", "syncer": "fastpix-syncer"}

// Part is a part of the operator that is installed.
type Part struct {
	// Component is one of Components.
	Component string `json:"component"`
	// Deployment is the name of its Deployment.
	Deployment string `json:"deployment"`
	// Image is the image of its container.
	Image string `json:"image"`
	// Wanted and Ready count its pods.
	Wanted int32 `json:"wanted"`
	Ready  int32 `json:"ready"`
	// ServiceAccount is its identity.
	ServiceAccount string `json:"serviceAccount"`
}

// Version returns the tag or the digest of the image.
func (p Part) Version() string {
	if _, digest, found := strings.Cut(p.Image, "@"); found {
		return digest
	}
	name := p.Image[strings.LastIndex(p.Image, "/")+1:]
	if _, tag, found := strings.Cut(name, ":"); found {
		return tag
	}
	return "latest"
}

// Parts reads the Deployments of the operator.
func Parts(ctx context.Context, c client.Reader, namespace string) ([]Part, error) {
	var parts []Part
	err := cli.Each(ctx, c, &appsv1.DeploymentList{}, func(d *appsv1.Deployment) error {
		part := Part{Component: d.Labels[componentLabel], Deployment: d.Name, Wanted: 1, Ready: d.Status.ReadyReplicas}
		if d.Spec.Replicas != nil {
			part.Wanted = *d.Spec.Replicas
		}
		part.ServiceAccount = d.Spec.Template.Spec.ServiceAccountName
		if containers := d.Spec.Template.Spec.Containers; len(containers) > 0 {
			part.Image = containers[0].Image
		}
		parts = append(parts, part)
		return nil
	}, client.InNamespace(namespace), client.MatchingLabels{nameLabel: operatorName})
	return parts, err
}

// Leader is the process that leads a part.
type Leader struct {
	// Component is one of Components.
	Component string `json:"component"`
	// Lease is the name of its lease.
	Lease string `json:"lease"`
	// Holder is the name of the process that holds the lease. It is empty if none does.
	Holder string `json:"holder,omitempty"`
	// Renewed is when the holder last renewed the lease.
	Renewed time.Time `json:"renewed,omitzero"`
	// Expired says that the holder has not renewed the lease in time, so that no process leads.
	Expired bool `json:"expired,omitempty"`
}

// Leads reports that a process leads the part.
func (l Leader) Leads() bool { return l.Holder != "" && !l.Expired }

// Leaders reads the leases of the controllers and of the syncer. A lease that does not exist is one without a holder.
func Leaders(ctx context.Context, c client.Reader, namespace string, now time.Time) ([]Leader, error) {
	var leaders []Leader
	for _, component := range Components {
		name, elects := leases[component]
		if !elects {
			continue
		}
		leader := Leader{Component: component, Lease: name}
		var lease coordinationv1.Lease
		if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &lease); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		leader.read(lease.Spec, now)
		leaders = append(leaders, leader)
	}
	return leaders, nil
}

func (l *Leader) read(spec coordinationv1.LeaseSpec, now time.Time) {
	if spec.HolderIdentity != nil {
		l.Holder, _, _ = strings.Cut(*spec.HolderIdentity, "_") // behind the host is a random text
	}
	if spec.RenewTime != nil && spec.LeaseDurationSeconds != nil {
		l.Renewed = spec.RenewTime.Time
		l.Expired = now.After(l.Renewed.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second))
	}
}
