#!/usr/bin/env bash
# Builds pinned programs of Kubernetes into a folder (default bin/k8s), each once: etcd, kube-apiserver and kubectl, or those named
# after the folder. A program is up to date when it says that it was built by this Go from modules that are in go.sum; a
# half-built folder is finished on the next run. Needs Go and the module proxy only.
set -euo pipefail

declare -A packages=(
	[etcd]=go.etcd.io/etcd/server/v3
	[etcdctl]=go.etcd.io/etcd/etcdctl/v3
	[etcdutl]=go.etcd.io/etcd/etcdutl/v3
	[kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
	[kubectl]=k8s.io/kubernetes/cmd/kubectl
	[kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
)

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build k8s "$@"
programs=(etcd kube-apiserver kubectl)
if (($# > 1)); then
	programs=("${@:2}")
fi

missing=()
for program in "${programs[@]}"; do
	current "$out/$program" || missing+=("$program")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.} && minor=${minor%%.*}
v=k8s.io/component-base/version
ldflags="-s -w -X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean"

plan_steps $((1 + ${#missing[@]}))
step "downloading Kubernetes $version and its modules" go mod download
for program in "${missing[@]}"; do
	build_program "$out/$program" "${packages[$program]}" -ldflags "$ldflags"
done
