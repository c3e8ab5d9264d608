#!/usr/bin/env bash
# Prints the krew manifest of the plugin for a release: krew.sh FOLDER. It is config/krew/fastpix.yaml with the version, and with the checksums of
# the archives kubectl-fastpix-OS-ARCH.tar.gz in FOLDER. A platform without an archive is left out.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/version.sh"
: "${VERSION:?}"

manifest=$(sed -e '/^#/d' -e "s|^  version: VERSION|  version: v$(semver "$VERSION")|" -e "s|VERSION|$VERSION|" "$here/../../config/krew/fastpix.yaml")
echo "${manifest%%$'\n  - selector:'*}"
for file in "$1"/kubectl-fastpix-*.tar.gz; do
	name=$(basename "$file") sum=$(sha256sum <"$file" | cut -d' ' -f1)
	grep -B 2 -A 2 -F "/$name" <<<"$manifest" | sed "s/SHA256/$sum/" || { echo "krew.sh: config/krew/fastpix.yaml has no platform for $name" >&2; exit 1; }
done
