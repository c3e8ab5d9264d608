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
while read -r package name; do
	echo "fuzz: $package $name for $time"
	# By default Go spends up to a minute on minimizing one interesting input, and tries no other inputs during this time.
	go test "./$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets passed, $time each."
