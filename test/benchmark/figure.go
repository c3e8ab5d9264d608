package main

import (
	"slices"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
)

// figure is one row of the table: what was measured, the floor of the same repetition, and where it stands against its bar.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Floor float64 `json:"floor"`
	Ratio float64 `json:"ratio"`
	Bar   float64 `json:"bar"`
	// Below says that the ratio must be below the bar; else it must reach it.
	Below bool `json:"below"`
	Met   bool `json:"met"`
}

func newFigure(name, unit string, value, floor, bar float64, below bool) figure {
	f := figure{Name: name, Unit: unit, Value: value, Floor: floor, Bar: bar, Below: below}
	if floor > 0 {
		f.Ratio = value / floor
	}
	return f.judge()
}

// newZeroFigure returns a figure that must be 0.
func newZeroFigure(name string, value float64) figure {
	return figure{Name: name, Value: value, Below: true, Met: value == 0}
}

func (f figure) judge() figure {
	f.Met = f.Ratio > 0 && (f.Below && f.Ratio < f.Bar || !f.Below && f.Ratio >= f.Bar)
	return f
}

// conclude computes the figures, and whether the repetition counts.
func (rep *repetition) conclude() {
	rep.Drift = rep.Before.drift(rep.After)
	rep.Discarded = rep.Drift > maxDrift
	floor := rep.Before.mean(rep.After)
	ack, lives := rep.burst(burstAck), rep.burst(burstLives)
	rep.Figures = []figure{
		newFigure("acknowledged, 64 connections", "/s", ack.Acknowledged, floor.Updates.PerSecond, 4, false),
		newFigure("acknowledged, 512 connections", "/s", rep.burst(burstAckMany).Acknowledged, floor.Many.PerSecond, 10, false),
		newFigure("reflected, whole lifecycles", "/s", lives.Reflected, floor.Updates.PerSecond, 1.5, false),
		newFigure("reflected, one event per new asset", "/s", rep.burst(burstNew).Reflected, floor.Updates.PerSecond, 0.5, false),
		newFigure("reflected, one event per asset just written", "/s", rep.burst(burstRecent).Reflected, floor.Updates.PerSecond, 0.8, false),
		newFigure("reflected, one event per asset not touched", "/s", rep.burst(burstCold).Reflected, floor.Updates.PerSecond, 0.6, false),
		newFigure("reflected, one hot asset", "/s", rep.burst(burstHot).Reflected, floor.Hot.PerSecond, 10, false),
		newFigure("p99 of acknowledgement, 64 connections", "ms", ack.AckP99, floor.Updates.P99, 0.5, true),
		newFigure("another tenant's event during the burst, slowest / 1 s", "ms", rep.Bystander.Slowest, 1000, 1, true),
	}
	rep.Figures = append(rep.Figures,
		newFigure("short burst: acknowledged, 512 connections", "/s", rep.burst(burstShortAck).Acknowledged, floor.Many.PerSecond, 10, false),
		newFigure("short burst: reflected, one hot asset", "/s", rep.burst(burstShortHot).Reflected, floor.Hot.PerSecond, 10, false),
		newFigure("short burst: reflected, one event per new asset", "/s", rep.burst(burstShortNew).Reflected, floor.Updates.PerSecond, 0.5, false),
	)
	for _, name := range []string{burstNew, burstRecent, burstCold} {
		m := rep.burst(name)
		events := float64(m.Events)
		rep.Figures = append(rep.Figures, newFigure(
			"API requests per event, "+name+" / minimum", "", float64(m.Requests)/events, float64(m.Minimum)/events, 1.1, true))
	}
}

func (rep *repetition) burst(name string) measurement {
	i := slices.IndexFunc(rep.Bursts, func(m measurement) bool { return m.Name == name })
	if i < 0 {
		return measurement{}
	}
	return rep.Bursts[i]
}

// medianFigures returns the median of each figure's ratio, value and floor over the repetitions.
func medianFigures(reps []repetition) []figure {
	if len(reps) == 0 {
		return nil
	}
	figures := slices.Clone(reps[0].Figures)
	for i := range figures {
		over := func(field func(figure) float64) float64 {
			var values []float64
			for _, rep := range reps {
				values = append(values, field(rep.Figures[i]))
			}
			return meter.Median(values)
		}
		figures[i].Value = over(func(f figure) float64 { return f.Value })
		figures[i].Floor = over(func(f figure) float64 { return f.Floor })
		figures[i].Ratio = over(func(f figure) float64 { return f.Ratio })
		figures[i] = figures[i].judge()
	}
	return figures
}
