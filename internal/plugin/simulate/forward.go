package simulate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

// forward opens a port-forward to a pod of the receiver.
func (o *options) forward(ctx context.Context, c client.Client, path string) (*target, error) {
	service, err := install.ReceiverService(ctx, c, o.OperatorNamespace)
	if err != nil {
		return nil, err
	} else if service == nil {
		return nil, fmt.Errorf("namespace %s has no Service of the receiver: name the namespace of the operator by --operator-namespace, or the URL by --url", o.OperatorNamespace)
	}
	pod, err := readyPod(ctx, c, service)
	if err != nil {
		return nil, err
	}
	port, scheme, err := portOf(service, pod)
	if err != nil {
		return nil, err
	}
	local, stop, err := o.tunnel(ctx, c, pod, port)
	if err != nil {
		return nil, err
	}
	// The API server has authenticated the pod, and its certificate names the Service and not localhost.
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	return &target{
		url: fmt.Sprintf("%s://localhost:%d%s", scheme, local, path), shown: fmt.Sprintf("pod/%s%s", pod.Name, path), http: clientOf(config), close: stop,
	}, nil
}

// readyPod returns a pod behind a Service that is ready.
func readyPod(ctx context.Context, c client.Client, service *corev1.Service) (*corev1.Pod, error) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(service.Namespace), client.MatchingLabels(service.Spec.Selector)); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		for _, condition := range pods.Items[i].Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return &pods.Items[i], nil
			}
		}
	}
	return nil, fmt.Errorf("none of the %d pods of the receiver is ready: kubectl fastpix doctor says more. If a receiver runs elsewhere, name its URL by --url", len(pods.Items))
}

// portOf returns the port of the container to which a Service sends deliveries, and the scheme that it speaks.
func portOf(service *corev1.Service, pod *corev1.Pod) (port int32, scheme string, err error) {
	if len(service.Spec.Ports) == 0 {
		return 0, "", fmt.Errorf("the Service %s has no port", service.Name)
	}
	to := service.Spec.Ports[0]
	scheme = "http"
	if to.Name == "https" {
		scheme = "https"
	}
	if to.TargetPort.IntVal != 0 {
		return to.TargetPort.IntVal, scheme, nil
	}
	for _, container := range pod.Spec.Containers {
		for _, p := range container.Ports {
			if p.Name == to.TargetPort.StrVal {
				return p.ContainerPort, scheme, nil
			}
		}
	}
	return 0, "", fmt.Errorf("the pod %s has no port %s", pod.Name, to.TargetPort.String())
}

// tunnel forwards a port of this machine to a port of a pod, as kubectl port-forward does. Call stop to end it.
func (o *options) tunnel(ctx context.Context, c client.Client, pod *corev1.Pod, port int32) (local uint16, stop func(), err error) {
	if err := mayForward(ctx, c, pod); err != nil {
		return 0, nil, err
	}
	ctx, stop = context.WithCancel(ctx)
	ready, failed := make(chan struct{}), make(chan error, 1)
	forwarder, err := o.forwarder(ctx, pod, port, ready)
	if err != nil {
		stop()
		return 0, nil, err
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case err := <-failed:
		stop()
		return 0, nil, fmt.Errorf("forward a port to the pod %s: %w", pod.Name, err)
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil || len(ports) == 0 {
		stop()
		return 0, nil, errors.Join(errors.New("the port-forward has no port"), err)
	}
	return ports[0].Local, stop, nil
}

// mayForward asks for the right to forward ports. The port-forward itself loses the type of the error.
func mayForward(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: pod.Namespace, Verb: "create", Resource: "pods", Subresource: "portforward",
	}}}
	if err := c.Create(ctx, review); err != nil {
		return err
	}
	if review.Status.Allowed {
		return nil
	}
	return apierrors.NewForbidden(corev1.Resource("pods"), pod.Name,
		fmt.Errorf("the user cannot create resource %q in API group %q in the namespace %q", "pods/portforward", "", pod.Namespace))
}

// forwarder returns a port-forward that connects by WebSocket, and by SPDY if that fails: the API server or a proxy may not know WebSockets.
func (o *options) forwarder(ctx context.Context, pod *corev1.Pod, port int32, ready chan struct{}) (*portforward.PortForwarder, error) {
	config, err := o.Config()
	if err != nil {
		return nil, err
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	to := clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	byWebSocket, err := portforward.NewSPDYOverWebsocketDialer(to, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	bySPDY := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	dialer := portforward.NewFallbackDialer(byWebSocket, bySPDY, func(error) bool { return true })
	return portforward.NewOnAddressesWithContext(ctx, dialer, []string{"localhost"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
}
