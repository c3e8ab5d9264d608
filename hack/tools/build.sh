#!/usr/bin/env bash
# Builds the pinned controller-gen and golangci-lint (with kube-api-linter) into a folder (default bin/tools), unless they are up to date.
# The file go.mod in this folder has the versions. Needs only Go and the module proxy.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build tools "$@"
stamp=$out/.built-from
want=$(stamp_of go.mod go.sum build.sh ../build_program.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

plan_steps 3
step "downloading modules" go mod download
build_program "$out/controller-gen" sigs.k8s.io/controller-tools/cmd/controller-gen -ldflags "-s -w"
# This is the complete golangci-lint with kube-api-linter compiled in, because golangci-lint does not load this plugin at run time.
build_program "$out/golangci-lint" sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter -ldflags "-s -w"
echo "$want" >"$stamp"
