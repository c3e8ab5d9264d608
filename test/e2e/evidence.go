package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// collectEvidence writes logs, events and descriptions into a folder, and returns an error that names the folder.
func (e *e2e) collectEvidence(ctx context.Context) error {
	// If the user ended the test, its context is already canceled.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	folder, err := filepath.Abs(e.options.evidence)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	ask := map[string][]string{
		"objects.txt":      {"get", "all,networkpolicies,resourcequotas,leases,endpointslices,eventbatches", "-n", operatorNamespace, "-o", "wide"},
		"descriptions.txt": {"describe", "pods,deployments,services,resourcequotas", "-n", operatorNamespace},
		"events.txt":       {"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
		"fastpix.yaml":     {"get", "webhookendpoints,mediaassets,livestreams", "--all-namespaces", "-o", "yaml"},
		"nodes.txt":        {"describe", "nodes"},
	}
	var pods corev1.PodList
	if err := e.client.List(ctx, &pods, client.InNamespace(operatorNamespace)); err == nil {
		for _, p := range pods.Items {
			ask[p.Name+".log"] = []string{"logs", "-n", operatorNamespace, p.Name}
			ask[p.Name+".previous.log"] = []string{"logs", "-n", operatorNamespace, p.Name, "--previous"}
		}
	}
	for name, args := range ask {
		out, err := e.run(ctx, args...)
		if err != nil {
			out += "\n" + err.Error() + "\n"
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(out), 0o600); err != nil {
			return err
		}
	}
	if err := e.copyNodeLogs(folder); err != nil {
		return err
	}
	return fmt.Errorf("logs, events and descriptions are in %s", folder)
}

// copyNodeLogs copies the logs of the programs of a node. Without the copy they would be removed with the cluster of hack/cluster.
func (e *e2e) copyNodeLogs(folder string) error {
	if e.options.clusterDir == "" {
		return nil
	}
	logs, err := filepath.Glob(filepath.Join(e.options.clusterDir, "log", "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		name := "node-" + strings.TrimPrefix(filepath.Base(log), "node-")
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
