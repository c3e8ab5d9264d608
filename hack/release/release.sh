#!/usr/bin/env bash
# Makes a release of the last commit in a folder (default dist): a binary for each platform, built twice, from two folders and with two
# build caches, and compared byte by byte; its image and its SBOM; the manifest; the Helm chart; checksums; and a statement of what was made from what.
# Only the commit counts: what is not committed is not looked at. Needs Go, git, the module proxy and kubectl (KUBECTL).
#
# VERSION, IMG      what the binaries and the manifest say; IMG is a name and a tag
# PLATFORMS         of Linux, as the images need it: "linux/amd64 linux/arm64" is the default
# SECOND_CACHE      the second build's cache; the default is a new one, so that all of it is compiled again (minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
out=${1:-dist}
: "${VERSION:?}" "${IMG:?}" "${PLATFORMS:=linux/amd64 linux/arm64}" "${KUBECTL:=kubectl}"
[[ $VERSION =~ ^[A-Za-z0-9._+-]+$ ]] || { echo "release: VERSION is \"$VERSION\": use a name such as v1.2.3" >&2; exit 1; }
[[ $IMG =~ ^[A-Za-z0-9._:/-]+:[A-Za-z0-9._-]+$ ]] || { echo "release: IMG is \"$IMG\": use a name and a tag, such as registry.example/fastpix-operator:v1.2.3" >&2; exit 1; }
for platform in $PLATFORMS; do
	[[ $platform == linux/* ]] || { echo "release: PLATFORMS has \"$platform\": images are of Linux, such as linux/arm64" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD)
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git show -s --format=%ct HEAD)
rm -rf "$out" && mkdir -p "$out"
out=$(cd "$out" && pwd)

# checkout FOLDER: puts the commit there.
checkout() { mkdir -p "$1" && git -C "$root" archive "$commit" | tar -x -C "$1"; }
first=$work/a second=$work/another/and/a/much/longer/path
checkout "$first"
checkout "$second"

for platform in $PLATFORMS; do
	export GOOS=${platform%/*} GOARCH=${platform#*/}
	binary=fastpix-operator-$GOOS-$GOARCH
	echo "release: building $binary twice ..." >&2
	make --no-print-directory -C "$first" build VERSION="$VERSION" BINARY="$out/$binary"
	GOCACHE=${SECOND_CACHE:-$work/cache} make --no-print-directory -C "$second" build VERSION="$VERSION" BINARY="$work/$binary"
	cmp "$out/$binary" "$work/$binary" || { echo "release: two builds of $platform differ" >&2; exit 1; }
	env -u GOOS -u GOARCH go -C "$first" run ./hack/image -binary "$out/$binary" -name "$IMG" \
		-build-arg "VERSION=$VERSION" -build-arg "REVISION=$commit" -output "$out/$binary.image.tar"
	env -u GOOS -u GOARCH go tool -modfile=hack/release/go.mod cyclonedx-gomod bin -json -noserial -notimestamp -std \
		-version "$VERSION" -output "$out/$binary.cdx.json" "$out/$binary"
done
unset GOOS GOARCH
"$KUBECTL" kustomize "$first/config/default" | sed "s|image: fastpix-operator:dev\$|image: $IMG|" >"$out/install.yaml"
VERSION=$VERSION IMG=$IMG "$first/hack/release/chart.sh" "$first" "$out"

cd "$out"
sha256sum -- * >checksums.txt
# An in-toto statement with SLSA's provenance. It is not signed: whoever publishes signs it, and whoever doubts it builds the commit again.
{
	printf '{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":['
	separator=
	while read -r digest name; do
		printf '%s{"name":"%s","digest":{"sha256":"%s"}}' "$separator" "$name" "$digest"
		separator=,
	done <checksums.txt
	printf '],"predicate":{"buildDefinition":{"buildType":"https://github.com/fastpix-operator/fastpix-operator/blob/%s/hack/release/release.sh"' "$commit"
	printf ',"externalParameters":{"version":"%s","image":"%s","platforms":"%s"}' "$VERSION" "$IMG" "$PLATFORMS"
	printf ',"resolvedDependencies":[{"uri":"git+https://github.com/fastpix-operator/fastpix-operator","digest":{"gitCommit":"%s"}}' "$commit"
	printf ',{"name":"go.sum","digest":{"sha256":"%s"}}' "$(sha256sum <"$first/go.sum" | cut -d' ' -f1)"
	printf ',{"name":"go","annotations":{"version":"%s"}}]}' "$(go env GOVERSION)"
	printf ',"runDetails":{"builder":{"id":"%s"}}}}\n' "${BUILDER_ID:-https://github.com/fastpix-operator/fastpix-operator/blob/$commit/Makefile}"
} >provenance.json
cat checksums.txt
