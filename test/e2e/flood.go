package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework/flood"
)

// floodTime is how long each pod is flooded.
const floodTime = 10 * time.Second

// floodPods floods every port of each pod with all kinds of floods at once, under load. No delivery may fail. No pod may be killed or
// become unready, because the probes of the kubelet must still succeed.
func (e *e2e) floodPods(ctx context.Context) (string, error) {
	if e.options.clusterDir == "" {
		return "skipped: the test reaches pods only in a cluster of hack/cluster", nil
	}
	var before []corev1.Pod
	for _, component := range []string{"receiver", "controllers", "syncer"} {
		pods, err := e.pods(ctx, component)
		if err != nil {
			return "", err
		}
		before = append(before, pods...)
	}
	var counts flood.Counts
	var notReady error
	l, err := e.duringLoad(ctx, func(ctx context.Context) error {
		for i := range before {
			var wg sync.WaitGroup
			attack, stop := context.WithTimeout(ctx, floodTime)
			wg.Go(func() {
				c := flood.RunAll(attack, portsToFlood(&before[i]))
				counts.Connections += c.Connections
				counts.Failed += c.Failed
			})
			for attack.Err() == nil {
				notReady = errors.Join(notReady, e.checkStillReady(ctx, &before[i]))
				time.Sleep(time.Second)
			}
			stop()
			wg.Wait()
		}
		return notReady
	})
	if err != nil {
		return "", err
	}
	if len(l.failed) > 0 {
		return "", fmt.Errorf("%d of %d attempts failed: %s", len(l.failed), l.sent+len(l.failed), strings.Join(l.failed, "; "))
	}
	return fmt.Sprintf("%d connections to %d pods, no pod was killed; %d events acknowledged and mirrored", counts.Connections, len(before), l.sent), nil
}

// portsToFlood returns the ports of a pod.
func portsToFlood(pod *corev1.Pod) []flood.Port {
	var ports []flood.Port
	for _, p := range pod.Spec.Containers[0].Ports {
		port := flood.Port{Name: p.Name, Address: net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(p.ContainerPort))}
		switch p.Name {
		case "metrics":
			port.TLS, port.Path = true, "/metrics"
		case "probes":
			port.Path = "/readyz"
		default:
			port.Path = path
		}
		ports = append(ports, port)
	}
	return ports
}

// checkStillReady checks that the container of a pod is ready and was not restarted.
func (e *e2e) checkStillReady(ctx context.Context, before *corev1.Pod) error {
	var now corev1.Pod
	if err := e.client.Get(ctx, client.ObjectKeyFromObject(before), &now); err != nil {
		return err
	}
	was, is := before.Status.ContainerStatuses[0], now.Status.ContainerStatuses[0]
	if is.RestartCount != was.RestartCount || !is.Ready {
		return fmt.Errorf("during a flood %s restarted %d times; ready: %t; last termination: %+v",
			now.Name, is.RestartCount-was.RestartCount, is.Ready, is.LastTerminationState.Terminated)
	}
	return nil
}
