package install

import (
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// The labels of the operator's Deployments.
const (
	nameLabel      = "app.kubernetes.io/name"
	partOfLabel    = "app.kubernetes.io/part-of"
	componentLabel = "app.kubernetes.io/component"
	operatorName   = "fastpix-operator"
)

// Components are the parts of the operator, as their label names them.
var Components = []string{"receiver", "controllers", "syncer"}

// leases are the leases of the parts that elect a leader.
var leases = map[string]string{"controllers": "fastpix-controller-manager", "syncer": "fastpix-syncer"}

// receiverService is the Service of the receivers, as config/receiver names it.
const receiverService = "fastpix-receiver"

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

// shownDigest is how much of a digest Version shows beside a tag. It is enough to tell two images with one tag apart.
const shownDigest = len("sha256:") + 12

// Version returns the tag of the image, with the beginning of the digest if the image has both, or the digest alone.
func (p Part) Version() string {
	image, digest, _ := strings.Cut(p.Image, "@")
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, tagged := strings.Cut(name, ":")
	switch {
	case tagged && digest != "":
		return tag + "@" + digest[:min(len(digest), shownDigest)]
	case tagged:
		return tag
	case digest != "":
		return digest
	}
	return "latest"
}

// Parts reads the Deployments of the operator. The chart can give them other names, and with nameOverride another label of the name.
func Parts(ctx context.Context, c client.Reader, namespace string) ([]Part, error) {
	var parts []Part
	err := cli.Each(ctx, c, &appsv1.DeploymentList{}, func(d *appsv1.Deployment) error {
		if isPart(d.Labels) {
			parts = append(parts, partOf(d))
		}
		return nil
	}, client.InNamespace(namespace))
	return parts, err
}

// isPart reports whether labels are those of a part of the operator.
func isPart(labels map[string]string) bool {
	return slices.Contains(Components, labels[componentLabel]) && (labels[nameLabel] == operatorName || labels[partOfLabel] == operatorName)
}

func partOf(d *appsv1.Deployment) Part {
	part := Part{Component: d.Labels[componentLabel], Deployment: d.Name, Wanted: 1, Ready: d.Status.ReadyReplicas}
	if d.Spec.Replicas != nil {
		part.Wanted = *d.Spec.Replicas
	}
	part.ServiceAccount = d.Spec.Template.Spec.ServiceAccountName
	for i, container := range d.Spec.Template.Spec.Containers {
		if i == 0 || container.Name == part.Component { // others, such as a proxy, may stand before it
			part.Image = container.Image
		}
	}
	return part
}

// Accounts returns the ServiceAccount of each part that is installed, and the usual one of each other part. If you may not list Deployments, it returns the
// usual ones.
func Accounts(ctx context.Context, c client.Reader, namespace string) (map[string]string, error) {
	accounts := UsualAccounts()
	parts, err := Parts(ctx, c, namespace)
	for _, part := range parts {
		accounts[part.Component] = part.ServiceAccount
	}
	if _, forbidden := cli.MissingRight(err); forbidden {
		return accounts, nil
	}
	return accounts, err
}

// UsualAccounts returns the ServiceAccount of each part, as config/rbac names it.
func UsualAccounts() map[string]string {
	return map[string]string{"receiver": "fastpix-receiver", "controllers": "fastpix-controller-manager", "syncer": "fastpix-syncer"}
}

// ReceiverService reads the Service to which FastPix's deliveries go. The chart can give it another name. It returns nil if there is none.
func ReceiverService(ctx context.Context, c client.Reader, namespace string) (*corev1.Service, error) {
	var service corev1.Service
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: receiverService}, &service)
	if err == nil {
		return &service, nil
	} else if !apierrors.IsNotFound(err) {
		return nil, err
	}
	var found *corev1.Service
	err = cli.Each(ctx, c, &corev1.ServiceList{}, func(s *corev1.Service) error {
		delivers := func(p corev1.ServicePort) bool { return p.TargetPort.StrVal == "http" }
		if isPart(s.Labels) && s.Labels[componentLabel] == "receiver" && slices.ContainsFunc(s.Spec.Ports, delivers) {
			found = s.DeepCopy()
		}
		return nil
	}, client.InNamespace(namespace), client.MatchingLabels{componentLabel: "receiver"})
	return found, err
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
