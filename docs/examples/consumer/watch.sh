#!/usr/bin/env bash
# Prints a line whenever a media of a namespace comes to another state: its name and the state. The argument is the namespace.
# A watch ends now and then; the next one begins with everything that is there, and only what differs from before is printed.
set -euo pipefail

declare -A known
while true; do
	while read -r name state; do
		if [[ -n $state && ${known[$name]-} != "$state" ]]; then
			known[$name]=$state
			printf '%s\t%s\n' "$name" "$state"
		fi
	done < <(kubectl get mediaassets --namespace="$1" --watch --output='jsonpath={.metadata.name}{" "}{.status.state}{"\n"}')
	sleep 1
done
