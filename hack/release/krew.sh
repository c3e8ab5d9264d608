#!/usr/bin/env bash
# Prints the krew manifest of the plugin for a release: krew.sh FOLDER. FOLDER has an archive kubectl-fastpix-OS-ARCH.tar.gz for each platform.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/version.sh"
: "${VERSION:?}"
repository=https://github.com/fastpix-operator/fastpix-operator
cat <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: fastpix
spec:
  version: v$(semver "$VERSION")
  homepage: $repository/blob/main/docs/kubectl-fastpix.md
  shortDescription: Inspect FastPix media and the operator that mirrors them
  description: |
    Shows what the FastPix operator knows about media assets, live streams and
    webhook endpoints, and why they are in their state.
  platforms:
END
for file in "$1"/kubectl-fastpix-*.tar.gz; do
	name=$(basename "$file" .tar.gz)
	IFS=- read -r os arch <<<"${name#kubectl-fastpix-}"
	cat <<END
  - selector:
      matchLabels: {os: $os, arch: $arch}
    uri: $repository/releases/download/$VERSION/$name.tar.gz
    sha256: $(sha256sum <"$file" | cut -d' ' -f1)
    bin: kubectl-fastpix$([[ $os != windows ]] || echo .exe)
END
done
