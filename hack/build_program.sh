# The scripts that build pinned programs into a folder source this file.
source "$(dirname "${BASH_SOURCE[0]}")/progress.sh"

# start_build FOLDER [OUT ...]: prepares a build in the folder of the calling script. It sets here to that folder and out to the folder OUT (default
# bin/FOLDER), which it creates, and goes to here.
start_build() {
	here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
	out=${2:-$here/../../bin/$1}
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	cd "$here"
	export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
}

# stamp_of FILE...: prints a stamp of everything that determines the result of a build: the files and this Go.
stamp_of() {
	echo "$(cat "$@" | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOOS GOARCH | tr '\n' -)"
}

# current FILE: reports whether a program was built by this Go from modules that are in go.sum of the current folder.
current() {
	local built
	built=$(go version -m "$1" 2>/dev/null) || return 1
	grep -q ": $(go env GOVERSION)\$" <<<"$built" &&
		grep -q "GOOS=$(go env GOOS)\$" <<<"$built" && grep -q "GOARCH=$(go env GOARCH)\$" <<<"$built" &&
		! awk '$NF ~ /^h1:/ {print $(NF-2), $(NF-1), $NF}' <<<"$built" | grep -vxFf go.sum >/dev/null
}

# build_program FILE PACKAGE [FLAG...]: compiles one program of the module in the current folder, as one step (minutes with an empty build
# cache). It renames the file at the end, so that the file is never incomplete, and two builds at the same time do not disturb each other.
build_program() {
	local partial
	partial=$(dirname "$1")/.$(basename "$1").partial.$$
	step "building $(basename "$1")" go build -trimpath "${@:3}" -o "$partial" "$2"
	mv "$partial" "$1"
}
