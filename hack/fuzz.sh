#!/usr/bin/env bash
# Runs every fuzz target of this module, one after the other, for the time given (default 30s).
# Go fuzzes one target of one package at a time, so the targets are found first; finding none is an error.
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
	# By default Go spends up to a minute on making one interesting input shorter, and tries nothing else meanwhile.
	go test "./$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets held for $time each."
