#!/usr/bin/env bash
# Builds a release of the last commit into a folder (default dist): binaries and one image for amd64 and arm64, the manifest, the Helm chart, the
# bundle for OLM, the plugin of kubectl with its krew manifest, SBOMs, checksums, the provenance, and the notes. Everything is made twice, in two
# folders and with two build caches, and the results are compared byte by byte. At the end a program checks that all versions agree.
# The script ignores changes that are not committed. It needs Go, git, GNU tar and GNU sed, the module proxy and kubectl (KUBECTL).
#
# VERSION            the version of everything: the tag of the image too
# REPOSITORY         the repository of the image, such as registry.example/fastpix-operator
# PLATFORMS          the platforms of the operator; images need Linux
# PLUGIN_PLATFORMS   the platforms of the plugin
# SECOND_CACHE       the build cache of the second time; the default is a new cache, so that everything is compiled again (minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source hack/progress.sh
source hack/release/version.sh
root=$PWD
out=${1:-dist}
: "${VERSION:?}" "${REPOSITORY:?}" "${KUBECTL:=kubectl}" "${PLATFORMS:=linux/amd64 linux/arm64}"
: "${PLUGIN_PLATFORMS:=darwin/amd64 darwin/arm64 linux/amd64 linux/arm64 windows/amd64 windows/arm64}"
[[ $VERSION =~ ^[A-Za-z0-9._-]+$ ]] || { echo "dist: VERSION is \"$VERSION\": use a name that can be a tag of an image, such as v1.2.3" >&2; exit 1; }
[[ $REPOSITORY =~ ^[A-Za-z0-9-]+[.:][A-Za-z0-9.:-]*/[a-z0-9._/-]+$ ]] || { echo "dist: REPOSITORY is \"$REPOSITORY\": use a registry and a name, such as registry.example/fastpix-operator" >&2; exit 1; }
for platform in $PLATFORMS; do
	[[ $platform == linux/* ]] || { echo "dist: PLATFORMS has \"$platform\": images need Linux; use a platform such as linux/arm64" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD)
if [[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] && ! git show "$commit:CHANGELOG.md" | grep -qF "## [${VERSION#v}]"; then
	echo "dist: CHANGELOG.md has no section \"## [${VERSION#v}]\": rename the section Unreleased, and commit it" >&2
	exit 1
fi
export VERSION KUBECTL IMG=$REPOSITORY:$VERSION
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git show -s --format=%ct HEAD)
rm -rf "$out" && mkdir -p "$out"
out=$(cd "$out" && pwd)

# tool PACKAGE ARGUMENT...: runs a program of hack/release. It is no part of the release, so it need not be compiled twice.
tools_cache=$(go env GOCACHE)
tool() { GOCACHE=$tools_cache go -C "$from/hack/release" run "$@"; }

# Each of these functions makes a part of the release from the checkout $from in the folder $to, and keeps other files in $temp.

# build_operator PLATFORM
build_operator() {
	local name=fastpix-operator-${1/\//-}
	GOOS=${1%/*} GOARCH=${1#*/} make --no-print-directory -s -C "$from" build VERSION="$VERSION" BINARY="$to/$name"
	bill_of "$to/$name" "$name"
}

# build_plugin PLATFORM
build_plugin() {
	local os=${1%/*} name=kubectl-fastpix-${1/\//-} program=kubectl-fastpix
	[[ $os != windows ]] || program+=.exe
	GOOS=$os GOARCH=${1#*/} make --no-print-directory -s -C "$from" plugin VERSION="$VERSION" PLUGIN="$temp/$name/$program"
	cp "$from/LICENSE" "$temp/$name"
	bill_of "$temp/$name/$program" "$name"
	archive "$to/$name.tar.gz" "$temp/$name" .
}

# bill_of PROGRAM NAME: writes the SBOM of a program.
bill_of() {
	tool ./sbom -version "$VERSION" -created "$SOURCE_DATE_EPOCH" -name "$2" "$1" >"$to/$2.spdx.json"
}

# build_rest: everything that contains binaries or names the image.
build_rest() {
	local binaries=() platform digest
	for platform in $PLATFORMS; do
		binaries+=(-binary "$to/fastpix-operator-${platform/\//-}")
	done
	digest=$(GOCACHE=$tools_cache go -C "$from" run ./hack/image "${binaries[@]}" -name "$IMG" -build-arg "VERSION=$VERSION" -build-arg "REVISION=$commit" \
		-output "$to/fastpix-operator-image.tar" | sed -n 's/.*@\(sha256:[0-9a-f]*\).*/\1/p')
	DIGEST=$digest "$from/hack/release/manifest.sh" "$from" >"$to/install.yaml"
	"$from/hack/release/chart.sh" "$from" "$to"
	"$from/hack/release/krew.sh" "$to" >"$to/fastpix.yaml"
	"$from/hack/release/notes.sh" "$from/CHANGELOG.md" "$VERSION" >"$to/release-notes.md"
	mkdir -p "$temp/bundle"
	tool ./bundle -version "$(semver "$VERSION")" -created "$SOURCE_DATE_EPOCH" -config "$from/config" -output "$temp/bundle" <"$to/install.yaml"
	archive "$to/fastpix-operator-bundle-$(semver "$VERSION").tar.gz" "$temp/bundle" .
}

# build_all NAME: makes the whole release in a folder of its own.
build_all() {
	from=$work/$1/source to=$work/$1/dist temp=$work/$1/temp
	mkdir -p "$from" "$to" "$temp"
	git -C "$root" archive "$commit" | tar -x -C "$from"
	for platform in $PLATFORMS; do
		step "building fastpix-operator-${platform/\//-}" build_operator "$platform"
	done
	for platform in $PLUGIN_PLATFORMS; do
		step "building kubectl-fastpix-${platform/\//-}" build_plugin "$platform"
	done
	step "packing image, manifest, chart and bundle" build_rest
}

# provenance: prints an in-toto statement with SLSA provenance. It is not signed. The publisher of the release signs it. To verify it, build the
# commit again.
provenance() {
	printf '{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":['
	separator=
	while read -r digest name; do
		printf '%s{"name":"%s","digest":{"sha256":"%s"}}' "$separator" "$name" "$digest"
		separator=,
	done <checksums.txt
	printf '],"predicate":{"buildDefinition":{"buildType":"https://github.com/fastpix-operator/fastpix-operator/blob/%s/hack/release/dist.sh"' "$commit"
	printf ',"externalParameters":{"version":"%s","repository":"%s","platforms":"%s","pluginPlatforms":"%s"}' "$VERSION" "$REPOSITORY" "$PLATFORMS" "$PLUGIN_PLATFORMS"
	printf ',"resolvedDependencies":[{"uri":"git+https://github.com/fastpix-operator/fastpix-operator","digest":{"gitCommit":"%s"}}' "$commit"
	printf ',{"name":"go.sum","digest":{"sha256":"%s"}}' "$(sha256sum <"$root/go.sum" | cut -d' ' -f1)"
	printf ',{"name":"go","annotations":{"version":"%s"}}]}' "$(go env GOVERSION)"
	printf ',"runDetails":{"builder":{"id":"%s"}}}}\n' "${BUILDER_ID:-https://github.com/fastpix-operator/fastpix-operator/blob/$commit/Makefile}"
}

platforms=($PLATFORMS $PLUGIN_PLATFORMS)
plan_steps $((2 * (${#platforms[@]} + 1) + 2))
build_all a
GOCACHE=${SECOND_CACHE:-$work/cache} build_all another/and/a/much/longer/path
diff -rq "$work/a/dist" "$to" || { echo "dist: two builds differ" >&2; exit 1; }
cp "$to"/* "$out"
cd "$out"
sha256sum -- * >checksums.txt
provenance >provenance.json
step "validating the krew manifest" go -C "$from/hack/release" tool validate-krew-manifest -manifest "$out/fastpix.yaml" -skip-install
step "checking that all versions agree" tool ./check -version "$VERSION" -image "$IMG" "$out"
cat checksums.txt
