#!/usr/bin/env bash
# Builds the pinned helm into a folder (default bin/helm), unless it is up to date. Needs only Go and the module proxy.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build helm "$@"
stamp=$out/.built-from
want=$(stamp_of go.mod go.sum build.sh ../build_program.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)
plan_steps 1
build_program "$out/helm" helm.sh/helm/v4/cmd/helm -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version"
echo "$want" >"$stamp"
