#!/usr/bin/env bash
# Builds the pinned programs of a node into a folder (default bin/node): all of them, or the programs named after the folder.
# For each program a stamp file records what it was built from. The script builds only programs whose stamp is out of date. If a run is
# interrupted, the next run builds the rest. Needs only Go and the module proxy.
set -euo pipefail

declare -A packages=(
	[kube-scheduler]=k8s.io/kubernetes/cmd/kube-scheduler
	[kubelet]=k8s.io/kubernetes/cmd/kubelet
	[kube-proxy]=k8s.io/kubernetes/cmd/kube-proxy
	[containerd]=github.com/containerd/containerd/v2/cmd/containerd
	[containerd-shim-runc-v2]=github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
	[ctr]=github.com/containerd/containerd/v2/cmd/ctr
	[bridge]=github.com/containernetworking/plugins/plugins/main/bridge
	[loopback]=github.com/containernetworking/plugins/plugins/main/loopback
	[host-local]=github.com/containernetworking/plugins/plugins/ipam/host-local
	[portmap]=github.com/containernetworking/plugins/plugins/meta/portmap
)

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build node "$@"
if (($# > 1)); then
	programs=("${@:2}")
else
	mapfile -t programs < <(printf '%s\n' "${!packages[@]}" | sort)
fi

# module PROGRAM: prints the folder of the module that pins the program.
module() {
	case ${packages[$1]} in
	k8s.io/*) echo "$here/kubernetes" ;;
	*) echo "$here/containerd" ;;
	esac
}

# stamp PROGRAM: prints a stamp of everything that determines the result of the build.
stamp() {
	stamp_of "$(module "$1")"/go.{mod,sum} "$here/build.sh" "$here/../build_program.sh"
}

# version MODULE: prints the version of a module that the module in the current folder pins.
version() {
	go list -m -f '{{.Version}}' "$1"
}

# linked PROGRAM: prints the linker flags that set the version of the program.
linked() {
	case ${packages[$1]} in
	k8s.io/*)
		local v=k8s.io/component-base/version number minor
		number=$(version k8s.io/kubernetes)
		minor=${number#v1.}
		echo "-X $v.gitVersion=$number -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*} -X $v.gitTreeState=clean"
		;;
	*/containerd/v2/*) echo "-X github.com/containerd/containerd/v2/version.Version=$(version github.com/containerd/containerd/v2)" ;;
	*) echo "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$(version github.com/containernetworking/plugins)" ;;
	esac
}

missing=()
for name in "${programs[@]}"; do
	if [ -z "${packages[$name]:-}" ]; then
		echo "build.sh: unknown program $name: use one of ${!packages[*]}" >&2
		exit 1
	fi
	[ "$(cat "$out/.$name.built-from" 2>/dev/null)" = "$(stamp "$name")" ] || missing+=("$name")
done
plan_steps ${#missing[@]}
for name in "${missing[@]}"; do
	cd "$(module "$name")"
	build_program "$out/$name" "${packages[$name]}" -tags "no_btrfs no_zfs no_devmapper" -ldflags "-s -w $(linked "$name")"
	stamp "$name" >"$out/.$name.built-from"
done
