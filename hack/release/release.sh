#!/usr/bin/env bash
# Builds a release of the last commit into a folder (default dist): a binary for each platform, its image and its SBOM, the manifest, the
# Helm chart, checksums, and the provenance. Each binary is built twice, in two folders and with two build caches, and the results are
# compared byte by byte. The script ignores changes that are not committed. It needs Go, git, the module proxy and kubectl (KUBECTL).
#
# VERSION, IMG      the version in the binaries, and the name and tag of the image in the manifest
# PLATFORMS         the platforms; images need Linux; the default is "linux/amd64 linux/arm64"
# SECOND_CACHE      the build cache of the second build; the default is a new cache, so that everything is compiled again (minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
out=${1:-dist}
: "${VERSION:?}" "${IMG:?}" "${PLATFORMS:=linux/amd64 linux/arm64}" "${KUBECTL:=kubectl}"
[[ $VERSION =~ ^[A-Za-z0-9._+-]+$ ]] || { echo "release: VERSION is \"$VERSION\": use a name such as v1.2.3" >&2; exit 1; }
[[ $IMG =~ ^[A-Za-z0-9._:/-]+:[A-Za-z0-9._-]+$ ]] || { echo "release: IMG is \"$IMG\": use a name and a tag, such as registry.example/fastpix-operator:v1.2.3" >&2; exit 1; }
for platform in $PLATFORMS; do
	[[ $platform == linux/* ]] || { echo "release: PLATFORMS has \"$platform\": images need Linux; use a platform such as linux/arm64" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD)
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git show -s --format=%ct HEAD)
rm -rf "$out" && mkdir -p "$out"
out=$(cd "$out" && pwd)

# checkout FOLDER: writes the files of the commit into a folder.
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
# An in-toto statement with SLSA provenance. It is not signed. The publisher of the release signs it. To verify it, build the commit again.
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
