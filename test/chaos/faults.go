package main

import (
	"time"
)

// kinds returns every way to break something. See testEnv.processes for the order of targets: all but the last receiver, the
// last controllers and the last syncer may be killed.
func kinds() []kind {
	const (
		firstReceiver, firstSyncer = controllerCount, controllerCount + receiverCount
		mortalControllers          = controllerCount - 1
		mortalReceivers            = receiverCount - 1
		mortalSyncers              = syncerCount - 1
	)
	return []kind{
		{"kill -9 of controllers", 3, 0, mortalControllers, 0, time.Second, killProcess},
		{"kill -9 of a receiver", 3, firstReceiver, mortalReceivers, 0, time.Second, killProcess},
		{"SIGTERM to controllers", 2, 0, mortalControllers, 0, time.Second, stopProcess},
		{"SIGTERM to a receiver", 2, firstReceiver, mortalReceivers, 0, time.Second, stopProcess},
		{"SIGSTOP of controllers", 2, 0, controllerCount, time.Second, 3 * time.Second, freezeProcess},
		{"SIGSTOP of the leader beyond its lease", 1, 0, 1, beyondLease, 30 * time.Second, freezeLeader},
		{"SIGSTOP of a receiver", 2, firstReceiver, receiverCount, time.Second, 3 * time.Second, freezeProcess},
		{"kill -9 of a syncer", 2, firstSyncer, mortalSyncers, 0, time.Second, killProcess},
		{"SIGTERM to a syncer", 2, firstSyncer, mortalSyncers, 0, time.Second, stopProcess},
		{"SIGSTOP of a syncer", 2, firstSyncer, syncerCount, time.Second, 3 * time.Second, freezeProcess},
		{"SIGSTOP of the leading syncer beyond its lease", 1, firstSyncer, 1, beyondLease, 30 * time.Second, freezeLeadingSyncer},
		{"FastPix's API away", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, removeFastPix},
		{"FastPix's API answers 500, or 502 with a page", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answer5xx},
		{"FastPix's API answers 429 with Retry-After", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answer429},
		{"FastPix's API cuts answers off", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, cutAnswersOff},
		{"FastPix's API is slow", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answerSlowly},
		{"kill -9 of kube-apiserver", 2, 0, 1, 0, 3 * time.Second, killAPIServer},
		{"kill -9 of etcd", 2, 0, 1, 0, 3 * time.Second, killEtcd},
		{"reset of a link to the API server", 3, 0, processCount, 100 * time.Millisecond, 2 * time.Second, onAPILink(reset)},
		{"slow link to the API server", 2, 0, processCount, 2 * time.Second, 6 * time.Second, onAPILink(slow)},
		{"black hole to the API server", 2, 0, processCount, 2 * time.Second, 12 * time.Second, onAPILink(hole)},
		{"reset of a link to a receiver", 3, firstReceiver, receiverCount, 100 * time.Millisecond, 2 * time.Second, onFrontLink(reset)},
		{"slow link to a receiver", 2, firstReceiver, receiverCount, 2 * time.Second, 6 * time.Second, onFrontLink(slow)},
		{"black hole to a receiver", 2, firstReceiver, receiverCount, 2 * time.Second, 8 * time.Second, onFrontLink(hole)},
		{"Secret deleted, created again", 1, 0, tenantCount, 25 * time.Second, 45 * time.Second, recreateSecret},
		{"WebhookEndpoint deleted, created again", 1, 0, tenantCount, 200 * time.Millisecond, 3 * time.Second, recreateEndpoint},
		{"journal's quota used up", 1, 0, 1, 2 * time.Second, 6 * time.Second, useUpQuota},
		{"object that squats a name, later removed", 2, 0, tenantCount, 4 * time.Second, 15 * time.Second, occupyName},
		{"policy that refuses a media, later removed", 2, 0, tenantCount, 4 * time.Second, 15 * time.Second, refuse},
		{"flood of unauthenticated clients", 2, 0, processCount, 2 * time.Second, 6 * time.Second, floodProcess},
		{"batches by a stolen receiver identity", 2, 0, tenantCount, 2 * time.Second, 6 * time.Second, forge},
	}
}
