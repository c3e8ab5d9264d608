#!/usr/bin/env bash
# Packs the Helm chart of a checkout for a release: chart.sh CHECKOUT FOLDER. The same input gives the same bytes. The image of the chart is
# IMG, so that users do not have to set it. The version of the chart is VERSION, or a pre-release of 0.0.0 if VERSION is not a semantic
# version.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/version.sh"
checkout=$1 out=$2
: "${VERSION:?}" "${IMG:?}" "${SOURCE_DATE_EPOCH:?}"
version=$(semver "$VERSION")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$checkout/config/helm/fastpix-operator" "$work"
chart=$work/fastpix-operator
sed -i "s|^version: .*|version: \"$version\"|; s|^appVersion: .*|appVersion: \"${IMG##*:}\"|; s|IMAGE_OF_THE_RELEASE|$IMG|" "$chart/Chart.yaml"
sed -i "s|^  repository: \"\"|  repository: \"${IMG%:*}\"|" "$chart/values.yaml"
# The template of the README of the chart.
rm "$chart/README.md.gotmpl"
changes=$("$(dirname "${BASH_SOURCE[0]}")/changes.sh" "$checkout/CHANGELOG.md" "$VERSION")
if [[ -n $changes ]]; then
	printf '  artifacthub.io/changes: |\n%s\n' "$(sed 's/^/    /' <<<"$changes")" >>"$chart/Chart.yaml"
fi
archive "$out/fastpix-operator-$version.tgz" "$work" fastpix-operator
