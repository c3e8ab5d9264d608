#!/usr/bin/env bash
# Downloads the programs of a test control plane with setup-envtest: download.sh OUT MINOR STORE. It gives up, with an exit code other than 0, if
# the host of the index cannot be reached or nothing arrives for ten seconds. It then does not try again for an hour, which the file
# .download-failed in the folder OUT records: make test calls this several times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=$1 minor=$2 store=$3
patience=10
index=${ENVTEST_INDEX:-https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml}
failed=$out/.download-failed
if [[ -n $(find "$failed" -mmin -60 2>/dev/null) ]]; then
	echo "control plane: not downloaded, because that failed within the last hour (remove $failed to try again)" >&2
	exit 1
fi

work=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# give_up REASON: records the failure. The time to compile setup-envtest does not count: it is no waiting for the network.
compiling=0
give_up() {
	echo "control plane: no download by setup-envtest: $1 (given up after $((SECONDS - compiling)) s)" >&2
	touch "$failed"
	exit 1
}

# arrived: prints how many KiB were downloaded or unpacked.
arrived() { du -sk "$work/tmp" "$store" 2>/dev/null | awk '{n += $1} END {print n}'; }

# watch: waits until the process pid ends. It fails if the process fails or nothing arrives for a while.
watch() {
	local start now before=0 began=$SECONDS quiet_since=$SECONDS shown=0
	start=$(arrived)
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		now=$(($(arrived) - start))
		((now == before)) || quiet_since=$SECONDS
		before=$now
		((SECONDS - quiet_since < patience)) || { kill "$pid"; return 1; }
		if ((SECONDS - began >= shown + 5)); then
			shown=$((SECONDS - began))
			echo "control plane: downloading, $((now / 1024)) MiB downloaded and unpacked, $shown s" >&2
		fi
	done
	wait "$pid"
}

# reachable: reports whether the host of the index can be reached. A proxy is not asked.
reachable() {
	[[ -z ${https_proxy:-}${HTTPS_PROXY:-}${http_proxy:-}${HTTP_PROXY:-} ]] || return 0
	local host=${index#*://} port=443
	[[ $index == https:* ]] || port=80
	host=${host%%/*}
	[[ $host != *:* ]] || port=${host##*:} host=${host%:*}
	(exec 3<>"/dev/tcp/$host/$port") 2>/dev/null &
	pid=$!
	for ((i = 0; i < patience * 10; i++)); do
		kill -0 "$pid" 2>/dev/null || { wait "$pid"; return; }
		sleep 0.1
	done
	return 1
}

reachable || give_up "the host of $index cannot be reached"
echo "control plane: getting setup-envtest ..." >&2
compiling=$SECONDS
CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off go -C envtest build -o "$work/setup-envtest" sigs.k8s.io/controller-runtime/tools/setup-envtest ||
	{ compiling=0; give_up "setup-envtest cannot be built"; }
compiling=$((SECONDS - compiling))
mkdir "$work/tmp"
# With --force it replaces a version of which only a part was unpacked.
TMPDIR=$work/tmp "$work/setup-envtest" use --force --print path --index "$index" --bin-dir "$(dirname "$store")" "$minor.x!" >/dev/null 2>"$work/error" &
pid=$!
watch 2>&1 || give_up "$(tail -n 1 "$work/error" | grep . || echo "nothing arrived for $patience seconds")"
pid=
rm -f "$failed"
