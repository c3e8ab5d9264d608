package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

const (
	// mayDiffer is more than the header Date, which has whole seconds, and a slow request can explain.
	mayDiffer = 5 * time.Second
	// tooFar is how far an event's time may be ahead of its receipt. Beyond it the event counts as one without a time.
	tooFar = 5 * time.Minute
)

// checkClocks compares the clock of the API server with that of this machine, and those of the leaders with that of the API server.
func checkClocks(ctx context.Context, p *patient) []Result {
	before := p.Now()
	server, err := p.serverTime(ctx)
	if err != nil {
		return []Result{unread("", err)}
	}
	after := p.Now()
	here := before.Add(after.Sub(before) / 2)
	results := []Result{differs("", "the clock of the API server", "that of this machine", server.Sub(here))}
	leaders, err := install.Leaders(ctx, p.client, p.OperatorNamespace, p.Now())
	if err != nil {
		return append(results, unread("", err))
	}
	for _, l := range leaders {
		// A lease that was renewed in the future proves that the clock is ahead. One that was renewed in the past proves nothing.
		if l.Leads() && l.Renewed.After(server) {
			results = append(results, differs(l.Component, "the clock of "+l.Holder, "that of the API server", l.Renewed.Sub(server)))
		}
	}
	return results
}

func differs(about, one, other string, by time.Duration) Result {
	text := fmt.Sprintf("%s and %s differ by %s", one, other, by.Abs().Round(time.Second))
	const mend = "Let NTP set the clocks of the nodes, and of this machine."
	switch {
	case by.Abs() <= mayDiffer:
		return pass(about, "%s", text)
	case by.Abs() < tooFar:
		return warn(about, mend, "%s", text)
	}
	return fail(about, mend, "%s; events of the future count as events without a time", text)
}

// serverTime asks the API server for its time.
func (p *patient) serverTime(ctx context.Context) (time.Time, error) {
	config, err := p.Config()
	if err != nil {
		return time.Time{}, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return time.Time{}, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return time.Time{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("version").String(), nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	_ = response.Body.Close()
	return http.ParseTime(response.Header.Get("Date"))
}
