package main

import (
	"fmt"
	"time"
)

// progressInterval is the longest time without output.
const progressInterval = 3 * time.Second

// step runs a function, and prints what was done and how long it took.
func step(what string, do func() error) error {
	started := time.Now()
	if err := withProgress(what, do); err != nil {
		return err
	}
	fmt.Printf("%6.1f s  %s\n", time.Since(started).Seconds(), what)
	return nil
}

// withProgress runs a function, and prints at intervals that it still waits.
func withProgress(what string, do func() error) error {
	started := time.Now()
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(progressInterval)
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
