#!/usr/bin/env bash
# Waits until a media can be played (exit code 0) or is known never to be (1): kubectl wait alone would wait for the latter until its
# time is up. The arguments are namespace, name and how long to wait, as in 15m. Needs bash 5.1.
set -euo pipefail

for condition in Ready Stalled; do
	kubectl wait --namespace="$1" "mediaasset/$2" --for="condition=$condition" --timeout="$3" >/dev/null &
	declare "$condition=$!"
done
trap 'kill "$Ready" "$Stalled" 2>/dev/null || true' EXIT
wait -n -p ended
if [[ $ended == "$Stalled" ]]; then
	kubectl get --namespace="$1" "mediaasset/$2" --output='jsonpath={.status.conditions[?(@.type=="Stalled")].message}{"\n"}' >&2
	exit 1
fi
