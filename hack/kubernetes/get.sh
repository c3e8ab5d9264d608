#!/usr/bin/env bash
# Puts programs of Kubernetes into a folder (default bin/k8s): etcd, kube-apiserver and kubectl, or those named after the folder. It takes each
# program from the first place that has it in a fitting version, prints which one that was, and how long it took:
#
#   1. the folder itself, from an earlier run
#   2. PATH
#   3. the folder where setup-envtest keeps what it downloaded
#   4. a download by setup-envtest, which checks the hash; given up if nothing arrives for ten seconds
#   5. a build from the Go modules that are pinned here (minutes)
#
# get.sh -show FOLDER prints only what is in a folder that the user chose.
#
# K8S_FROM=modules   only 1 and 5: the pinned version, built here
# ENVTEST_INDEX      the URL of another index for setup-envtest
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
started=${EPOCHREALTIME/[.,]/}

# elapsed: prints the seconds since the start.
elapsed() {
	local tenths=$(((${EPOCHREALTIME/[.,]/} - started) / 100000))
	echo "$((tenths / 10)).$((tenths % 10)) s"
}

# version_of FILE: prints the version of a program of Kubernetes, or of etcd.
version_of() {
	case $(basename "$1") in
	etcd) "$1" --version | sed -n 's/^etcd Version: /v/p' ;;
	kubectl) "$1" version --client | sed -n 's/^Client Version: //p' ;;
	*) "$1" --version | sed -n 's/^Kubernetes //p' ;;
	esac </dev/null 2>/dev/null
}

# fits FILE: reports whether a program runs and has a fitting version: for programs of Kubernetes the minor version that is pinned here, for
# etcd 3.6 or newer, which Kubernetes needs since 1.34.
fits() {
	local version
	[[ -x $1 ]] && version=$(version_of "$1") || return 1
	case $(basename "$1") in
	etcd) [[ $version =~ ^v(3\.([6-9]|[1-9][0-9])|[4-9])\. ]] ;;
	*) [[ $version == "v$minor."* ]] ;;
	esac
}

# report SOURCE PROGRAM...: prints the programs in the folder that came from a source.
report() {
	local program list=
	for program in "${@:2}"; do
		list+=${list:+, }"$program $(version_of "$out/$program")"
	done
	[[ -z $list ]] || echo "control plane: $list: $1 ($(elapsed))" >&2
}

# take SOURCE FINDER: links the missing programs for which the function FINDER prints a file that fits, and reports them.
take() {
	local program file taken=() left=()
	for program in "${missing[@]}"; do
		file=$("$2" "$program") || true
		if [[ -n $file ]] && fits "$file"; then
			ln -s "$file" "$out/.$program.link.$$"
			mv -f "$out/.$program.link.$$" "$out/$program" # in one step, because make test may run beside make demo
			taken+=("$program")
		else
			left+=("$program")
		fi
	done
	missing=("${left[@]}")
	report "$1" "${taken[@]}"
}

# in_path PROGRAM: prints the file of a program in PATH, unless it is the one in the folder.
in_path() {
	local file
	file=$(type -P "$1") && [[ ! $file -ef $out/$1 ]] && realpath "$file"
}

# store: prints the folder where setup-envtest keeps versions.
store() {
	case $(uname -s) in
	Darwin) echo "$HOME/Library/Application Support/io.kubebuilder.envtest/k8s" ;;
	*) echo "${XDG_DATA_HOME:-$HOME/.local/share}/kubebuilder-envtest/k8s" ;;
	esac
}

# in_store PROGRAM: prints the file of a program in the newest fitting version that setup-envtest keeps.
in_store() {
	find "$(store)" -path "*/$minor.*-$(go env GOOS)-$(go env GOARCH)/$1" 2>/dev/null | sort -V | tail -n 1
}

# sort_out: sets missing to the programs that are not in the folder, and reports those that are.
sort_out() {
	local program linked=() built=()
	for program in "${programs[@]}"; do
		if [[ -L $out/$program ]]; then
			[[ ${K8S_FROM:-} != modules ]] && fits "$out/$program" && linked+=("$program") || missing+=("$program")
		else
			current "$out/$program" && built+=("$program") || missing+=("$program")
		fi
	done
	report "built from modules before" "${built[@]}"
	report "found or downloaded before" "${linked[@]}"
}

[[ ${K8S_FROM:-} == @(|modules) ]] || { echo "control plane: K8S_FROM is \"$K8S_FROM\": use modules, or leave it empty" >&2; exit 1; }

if [[ ${1:-} == -show ]]; then
	out=$2 programs=(etcd kube-apiserver kubectl) missing=()
	for program in "${programs[@]}"; do
		[[ -x $out/$program ]] || { echo "control plane: KUBEBUILDER_ASSETS is $out, which has no $program" >&2; exit 1; }
	done
	report "from KUBEBUILDER_ASSETS" "${programs[@]}"
	exit
fi

start_build k8s "$@"
minor=$(sed -n 's|^[[:space:]]*k8s\.io/kubernetes v\(1\.[0-9]*\)\..*|\1|p' go.mod)
programs=(etcd kube-apiserver kubectl)
if (($# > 1)); then
	programs=("${@:2}")
fi
missing=()
sort_out
if ((${#missing[@]} > 0)) && [[ ${K8S_FROM:-} != modules ]]; then
	take "found in PATH" in_path
	take "found where setup-envtest keeps them" in_store
	# setup-envtest has only the three programs that every test needs.
	if [[ " ${missing[*]} " =~ \ (etcd|kube-apiserver|kubectl)\  ]]; then
		code=0
		./download.sh "$out" "$minor" "$(store)" || code=$?
		((code < 128)) || exit "$code" # Ctrl-C ends everything, and not the download alone
		((code > 0)) || take "downloaded by setup-envtest" in_store
	fi
fi
if ((${#missing[@]} > 0)); then
	for program in "${missing[@]}"; do
		[[ ! -L $out/$program ]] || rm -f "$out/$program"
	done
	./build.sh "$out" "${missing[@]}"
	report "built from modules" "${missing[@]}"
fi
