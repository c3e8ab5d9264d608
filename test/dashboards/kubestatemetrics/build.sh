#!/usr/bin/env bash
# Builds the pinned kube-state-metrics into a folder (default bin/kube-state-metrics), unless it is up to date. Needs only Go and the module proxy.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../../../hack/build_program.sh"
start_build kube-state-metrics "${1:-$(dirname "${BASH_SOURCE[0]}")/../../../bin/kube-state-metrics}"
stamp=$out/.built-from
want=$(stamp_of go.mod go.sum build.sh ../../../hack/build_program.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
build_program "$out/kube-state-metrics" k8s.io/kube-state-metrics/v2 -ldflags "-s -w"
echo "$want" >"$stamp"
