//go:build !linux

package main

func (c *cluster) spawn() error { return checkMachine() }

func initialize([]string) error { return checkMachine() }
