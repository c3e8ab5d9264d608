#!/usr/bin/env bash
# Asks the registries about the base images of the Dockerfile, through CONTAINER_TOOL (docker, with buildx). A pinned digest that its
# repository does not have is an error. A tag that has moved on is news: look at what changed, and pin the new digest.
# Where no registry can be asked it says so and passes; STRICT=1 makes that fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tool=${CONTAINER_TOOL:-docker}

# digest REFERENCE: prints the digest that a registry gives for a reference.
digest() { "$tool" buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'; }

failed=0
while IFS='=' read -r argument reference; do
	name=${reference%@*} pinned=${reference#*@}
	if ! current=$(digest "$name"); then
		echo "image-digests: NOT CHECKED: the registry of $name cannot be asked from here" >&2
		[ "${STRICT:-0}" = 0 ] || failed=1
	elif ! digest "${name%:*}@$pinned" >/dev/null; then
		echo "image-digests: $argument: the registry has no $pinned of ${name%:*}" >&2
		failed=1
	elif [ "$current" = "$pinned" ]; then
		echo "image-digests: $argument: $name is $pinned"
	else
		echo "image-digests: $argument: $name is now $current, pinned is $pinned"
	fi
done < <(sed -n 's/^ARG \([A-Z]*_IMAGE=.*\)/\1/p' Dockerfile)
exit "$failed"
