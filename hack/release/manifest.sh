#!/usr/bin/env bash
# Prints the manifest of a release: manifest.sh CHECKOUT. It is config/default with the image IMG, by tag and by digest (DIGEST), and with
# VERSION as a label of every object.
set -euo pipefail
checkout=$1
: "${VERSION:?}" "${IMG:?}" "${DIGEST:?}" "${KUBECTL:=kubectl}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$checkout/config" "$work"
mkdir "$work/release"
cat >"$work/release/kustomization.yaml" <<END
resources: [../config/default]
images:
- {name: fastpix-operator, newName: "${IMG%:*}", newTag: "${IMG##*:}", digest: "$DIGEST"}
labels:
- pairs: {app.kubernetes.io/version: "${IMG##*:}"}
  includeTemplates: true
END
"$KUBECTL" kustomize "$work/release"
