#!/usr/bin/env bash
# Builds the pinned helm-docs into a folder (default bin/helmdocs), unless it is up to date. Needs only Go and the module proxy.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build helmdocs "$@"
stamp=$out/.built-from
want=$(stamp_of go.mod go.sum build.sh ../build_program.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

build_program "$out/helm-docs" github.com/norwoodj/helm-docs/cmd/helm-docs -ldflags "-s -w"
echo "$want" >"$stamp"
