#!/usr/bin/env bash
# Packs the Helm chart of a checkout for a release: chart.sh CHECKOUT FOLDER. The same input gives the same bytes. The image of the chart is
# IMG, so that users do not have to set it. The version of the chart is VERSION, or a pre-release of 0.0.0 if VERSION is not a semantic
# version.
set -euo pipefail
checkout=$1 out=$2
: "${VERSION:?}" "${IMG:?}" "${SOURCE_DATE_EPOCH:?}"
version=${VERSION#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+][A-Za-z0-9.+-]+)?$ ]] || version=0.0.0-$(tr -c 'A-Za-z0-9.\n-' - <<<"$version")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$checkout/config/helm/fastpix-operator" "$work"
chart=$work/fastpix-operator
sed -i "s|^version: .*|version: \"$version\"|; s|^appVersion: .*|appVersion: \"${IMG##*:}\"|" "$chart/Chart.yaml"
sed -i "s|^  repository: \"\"|  repository: \"${IMG%:*}\"|" "$chart/values.yaml"
rm "$chart/README.md.gotmpl"
chmod -R u=rwX,go=rX "$chart"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" -c fastpix-operator |
	gzip -n >"$out/fastpix-operator-$version.tgz"
