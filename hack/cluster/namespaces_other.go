//go:build !linux

package main

func (c *cluster) startNamespaces() error { return checkRequirements() }

func runInit([]string) error { return checkRequirements() }
