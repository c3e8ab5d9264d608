#!/usr/bin/env bash
# Builds the pinned etcd, kube-apiserver and kubectl into a folder (default bin/k8s), once.
# The folder is complete when it holds a stamp with the versions it was built from; a half-built folder is finished
# on the next run. Needs Go and the module proxy only.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/../../bin/k8s}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"

export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
stamp=$out/.built-from
want=$(cat go.mod go.sum build.sh | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOOS GOARCH | tr '\n' -)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.} && minor=${minor%%.*}
v=k8s.io/component-base/version
ldflags="-s -w -X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean"

# build NAME PACKAGE: compiles one program and says every ten seconds that it is still at it.
build() {
	local name=$1 package=$2 started=$SECONDS pid
	echo "building $name ($package), minutes with an empty build cache ..." >&2
	go build -trimpath -ldflags "$ldflags" -o "$out/.$name.partial" "$package" &
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

echo "downloading the modules of Kubernetes $version ..." >&2
go mod download
build etcd go.etcd.io/etcd/server/v3
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
build kubectl k8s.io/kubernetes/cmd/kubectl
echo "$want" >"$stamp"
