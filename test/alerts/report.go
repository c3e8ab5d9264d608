package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

// printTable prints which fault made which alert fire, and how long it took.
func printTable(w io.Writer, fired []firing) {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	table := markdown.Table{{"alert", "fault", "pending after (s)", "fired after (s)", "ended after (s)"}}
	for _, f := range fired {
		table.Add(f.alert, f.fault, seconds(f.pending), seconds(f.fired), seconds(f.ended))
	}
	fmt.Fprintln(w)
	table.Print(w)
}
