#!/usr/bin/env bash
# Runs all fuzz targets of this module one after the other, each for the given time (default 30s).
# Go can fuzz only one target of one package at a time. Therefore the script searches for the targets first. If it finds none, it fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

time=${1:-30s}
targets=$(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' api controllers hack internal test webhookserver |
	sed -E 's|^(.*)/[^/]*:func (.*)\($|\1 \2|' | sort -u || true)
if [ -z "$targets" ]; then
	echo "fuzz: no fuzz target found" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE NAME: runs one target. Before version 1.27, Go sometimes reports the end of the time as the failure "context deadline exceeded"
# (https://go.dev/issue/75804). That is not a finding: for a finding, Go writes the failing input to a file and prints its name.
fuzz() {
	# By default Go spends up to a minute on minimizing one interesting input, and tries no other inputs during this time.
	if go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1s 2>&1 | tee "$log"; then
		return
	fi
	if grep -q '^    context deadline exceeded$' "$log" && ! grep -qE 'Failing input written|panic:' "$log"; then
		echo "fuzz: $1 $2 found nothing: Go reported the end of the time as a failure"
		return
	fi
	return 1
}

while read -r package name; do
	echo "fuzz: $package $name for $time"
	fuzz "$package" "$name"
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets passed, $time each."
