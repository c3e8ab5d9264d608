#!/usr/bin/env bash
# Builds the pinned controller-gen and golangci-lint (with kube-api-linter inside) into a folder (default bin/tools), once.
# The versions are in go.mod beside this script. Needs Go and the module proxy only.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/../../bin/tools}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"

export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
stamp=$out/.built-from
want=$(cat go.mod go.sum build.sh | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOOS GOARCH | tr '\n' -)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

# build NAME PACKAGE: compiles one program and says every ten seconds that it is still at it.
build() {
	local name=$1 package=$2 started=$SECONDS pid
	echo "building $name ($package), minutes with an empty build cache ..." >&2
	go build -trimpath -ldflags "-s -w" -o "$out/.$name.partial" "$package" &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if (((SECONDS - started) % 10 == 9)); then
			echo "  ... $name: $((SECONDS - started)) s" >&2
		fi
	done
	wait "$pid"
	mv "$out/.$name.partial" "$out/$name"
	echo "  $name built in $((SECONDS - started)) s" >&2
}

echo "downloading the modules of the tools ..." >&2
go mod download
build controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen
# The golangci-lint of kube-api-linter is the whole of golangci-lint; upstream compiles plugins in, it does not load them.
build golangci-lint sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
echo "$want" >"$stamp"
