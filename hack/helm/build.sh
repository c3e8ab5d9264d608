#!/usr/bin/env bash
# Builds the pinned helm into a folder (default bin/helm), unless it is up to date. Needs only Go and the module proxy.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/../../bin/helm}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"
source "$here/../build_program.sh"

export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
stamp=$out/.built-from
want=$(cat go.mod go.sum build.sh ../build_program.sh | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOOS GOARCH | tr '\n' -)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)
build_program "$out/helm" helm.sh/helm/v4/cmd/helm -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version"
echo "$want" >"$stamp"
