package main

import (
	"fmt"
	"time"
)

// patience is how long the demo may be silent.
const patience = 3 * time.Second

// step does one thing and says when it is done.
func step(what string, do func() error) error {
	started := time.Now()
	if err := patiently(what, do); err != nil {
		return err
	}
	fmt.Printf("%6.1f s  %s\n", time.Since(started).Seconds(), what)
	return nil
}

// patiently does one thing and says every few seconds that it is still at it.
func patiently(what string, do func() error) error {
	started := time.Now()
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			fmt.Printf("      ... %.0f s, still waiting: %s\n", time.Since(started).Seconds(), what)
		}
	}
}
