#!/usr/bin/env bash
# Checks the base images of the Dockerfile at their registries, with CONTAINER_TOOL (docker, with buildx). A pinned digest that does not
# exist in its repository is an error. If a tag has moved to another digest, the script only reports it: look at what changed, and pin the
# new digest. If a registry cannot be reached, the script says so and passes. With STRICT=1 it fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tool=${CONTAINER_TOOL:-docker}

# digest REFERENCE: prints the digest of a reference in its registry.
digest() { "$tool" buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'; }

failed=0
while IFS='=' read -r argument reference; do
	name=${reference%@*} pinned=${reference#*@}
	if ! current=$(digest "$name"); then
		echo "image-digests: NOT CHECKED: the registry of $name cannot be reached from here" >&2
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
