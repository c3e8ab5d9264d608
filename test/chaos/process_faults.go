package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/flood"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

func killProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].crashAndRestart(ctx, n.env, f.length)
	return nil
}

func stopProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].stopAndRestart(ctx, n.env, f.length)
	return nil
}

func freezeProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].freeze(ctx, f.length)
	return nil
}

func freezeLeader(ctx context.Context, n *round, f fault) error {
	return n.env.freezeLeader(ctx, n.env.controllers(), controllersLease, f.length)
}

func freezeLeadingSyncer(ctx context.Context, n *round, f fault) error {
	return n.env.freezeLeader(ctx, n.env.syncers(), syncersLease, f.length)
}

func killAPIServer(ctx context.Context, n *round, f fault) error {
	return n.env.killControlPlane(ctx, n.env.plane.APIServer, f.length)
}

func killEtcd(ctx context.Context, n *round, f fault) error {
	return n.env.killControlPlane(ctx, n.env.plane.Etcd, f.length)
}

func longOutage(ctx context.Context, n *round, f fault) error {
	n.env.outage.Store(true)
	defer n.env.outage.Store(false)
	return n.env.killControlPlane(ctx, n.env.plane.APIServer, f.length)
}

// floodProcess attacks all ports of a process by all shapes at once. What it does to the process's memory is seen by its vitals; that others are
// served meanwhile, by the sender. It has no effect if the process cannot be reached all the while.
func floodProcess(ctx context.Context, n *round, f fault) error {
	m := n.env.processes[f.target]
	ctx, cancel := context.WithTimeout(ctx, f.length)
	defer cancel()
	counts := flood.RunAll(ctx, m.ports(n.tenants[0].Path()))
	if counts.Connections == 0 {
		return fmt.Errorf("%w: %s took no connection", errNoEffect, m.Name)
	}
	return n.env.checkPeak(m)
}

// ports are those that unauthenticated clients reach.
func (m *operatorProcess) ports(path string) []flood.Port {
	ports := []flood.Port{
		{Name: "probes", Address: strings.TrimPrefix(m.ProbeURL, "http://"), Path: "/readyz"},
		{Name: "metrics", Address: strings.TrimPrefix(m.MetricsURL, "https://"), TLS: true, Path: "/metrics"},
	}
	if m.front != nil {
		ports = append(ports, flood.Port{Name: "webhooks", Address: strings.TrimPrefix(m.ReceiverURL, "http://"), Path: path})
	}
	return ports
}

// checkPeak fails a process that a flood has made hold more than its limit of memory leaves it.
func (r *testEnv) checkPeak(m *operatorProcess) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, peak := process.Memory(m.PID()); m.Running() && peak > maxRSS {
		r.fail("%s held %.0f MiB in or before a flood", m.Name, peak)
	}
	return nil
}

// killControlPlane kills etcd or the API server and starts it again after a while.
func (r *testEnv) killControlPlane(ctx context.Context, p *process.Process, away time.Duration) error {
	r.planeMu.Lock()
	defer r.planeMu.Unlock()
	p.Kill()
	clock.Sleep(ctx, away)
	return r.startControlPlaneLocked(ctx)
}
