#!/usr/bin/env bash
# Builds the pinned helm into a folder (default bin/helm), once. Needs Go and the module proxy only.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/../../bin/helm}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"

export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
stamp=$out/.built-from
want=$(cat go.mod go.sum build.sh | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOOS GOARCH | tr '\n' -)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)
started=$SECONDS
echo "building helm $version, minutes with an empty build cache ..." >&2
go build -trimpath -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" -o "$out/.helm.partial" helm.sh/helm/v4/cmd/helm &
pid=$!
while kill -0 "$pid" 2>/dev/null; do
	sleep 1
	if (((SECONDS - started) % 10 == 9)); then
		echo "  ... helm: $((SECONDS - started)) s" >&2
	fi
done
wait "$pid"
mv "$out/.helm.partial" "$out/helm"
echo "  helm built in $((SECONDS - started)) s" >&2
echo "$want" >"$stamp"
