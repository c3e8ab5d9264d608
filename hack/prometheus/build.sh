#!/usr/bin/env bash
# Builds programs of the pinned Prometheus into a folder (default bin/prometheus), unless they are up to date: promtool and prometheus, or those
# named after the folder. Needs only Go and the module proxy.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../build_program.sh"
start_build prometheus "$@"
programs=(promtool prometheus)
if (($# > 1)); then
	programs=("${@:2}")
fi

want=$(stamp_of go.mod go.sum build.sh ../build_program.sh)
version=$(go list -m -f '{{.Version}}' github.com/prometheus/prometheus)
# The version of the module is v0.XYY.Z for Prometheus X.YY.Z.
minor=${version#v0.} && patch=${minor#*.} && minor=${minor%%.*}
release=$((minor / 100)).$((minor % 100)).$patch
for program in "${programs[@]}"; do
	stamp=$out/.$program-built-from
	if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
		continue
	fi
	# Without the discovery of targets in clouds, which is most of the code. Without the user interface, which the module does not contain.
	build_program "$out/$program" "github.com/prometheus/prometheus/cmd/$program" -tags remove_all_sd \
		-ldflags "-s -w -X github.com/prometheus/common/version.Version=$release"
	echo "$want" >"$stamp"
done
