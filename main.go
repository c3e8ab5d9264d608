// Command fastpix-operator is the FastPix operator: a receiver of FastPix webhooks, controllers that mirror the events into MediaAssets and
// LiveStreams, and a syncer that compares the mirrors with FastPix's management API. The flags say which of the three parts a process runs.
// Package internal/operator sets them up.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/fastpix-operator/fastpix-operator/internal/check"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
)

// version is set by the build.
var version = "dev"

// gcPercent is the default for GOGC: half of Go's default. Go collects garbage when the heap has grown by this percentage. Most of the heap
// is text and bodies of requests, which contain no pointers, so a collection costs little. The environment variable GOGC overrides it.
const gcPercent = 50

// checkTimeout bounds all checks together.
const checkTimeout = time.Minute

func main() {
	var options operator.Options
	var logging zap.Options
	var checks check.List
	showVersion := flag.Bool("version", false, "Print the version and exit.")
	flag.Var(&checks, "check", "Run no part, but request a URL for up to a minute until the answer has a status, and exit. The form is STATUS=URL. May be repeated.")
	options.BindFlags(flag.CommandLine)
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	if *showVersion {
		fmt.Fprintln(os.Stdout, "fastpix-operator", version, runtime.Version())
		return
	}
	if len(checks) > 0 {
		os.Exit(runChecks(checks))
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	log.SetFlags(0)
	log.SetOutput(operator.NewNetLog(ctrl.Log.WithName("net")))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctrl.Log.Info("Starting the FastPix operator", "version", version, "receiver", options.Receiver, "controllers", options.Controllers, "syncer", options.Syncer)
	if err := operator.Run(ctrl.SetupSignalHandler(), options); err != nil {
		ctrl.Log.Error(err, "The operator stopped and exits")
		os.Exit(1)
	}
}

// runChecks runs checks, prints the result, and returns the exit status.
func runChecks(checks check.List) int {
	ctx, cancel := context.WithTimeout(ctrl.SetupSignalHandler(), checkTimeout)
	defer cancel()
	if err := checks.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, "The answers are as expected:", &checks)
	return 0
}
