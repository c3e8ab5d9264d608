package main

import "maps"

// window replaces the windows of counters. It is longer than a few scrapes.
const window = "15s"

// values returns the values of the chart. They shorten `for` of every alert, the windows of counters, and the thresholds of ages and of the backlog,
// to what fits into minutes. The windows of the error budgets stay.
func values() map[string]any {
	alerts := map[string]any{}
	for _, f := range faults {
		for _, name := range f.alerts {
			alert := map[string]any{"for": "3s"}
			maps.Copy(alert, shortened[name])
			alerts[name] = alert
		}
	}
	return map[string]any{
		"image":          map[string]any{"repository": "fastpix-operator"},
		"prometheusRule": map[string]any{"enabled": true, "alerts": alerts},
	}
}

// shortened has the further values of alerts.
var shortened = map[string]map[string]any{
	"FastPixDeliveriesRefused":      {"window": window},
	"FastPixMalformedDeliveries":    {"window": window},
	"FastPixUnauthorizedDeliveries": {"window": "30s"}, // as many deliveries as the threshold has to fit into it
	"FastPixUntimedEvents":          {"window": window},
	"FastPixJournalCommitSlow":      {"window": window},
	"FastPixNoDeliveries":           {"window": window},
	"FastPixEventsDiscarded":        {"window": window},
	"FastPixBatchesForged":          {"window": window},
	"FastPixWebhooksMissed":         {"window": window},
	"FastPixSyncRunsFail":           {"window": window},
	"FastPixEventsPendingLong":      {"threshold": 10},
	"FastPixBacklogLarge":           {"threshold": maxPending / 2},
	"FastPixSyncStale":              {"threshold": 60},
}
