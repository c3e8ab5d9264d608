# The scripts that build pinned programs into a folder source this file.

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

# build_program FILE PACKAGE [FLAG...]: compiles one program of the module in the current folder, and prints every ten seconds that it still
# runs. It renames the file at the end, so that the file is never incomplete.
build_program() {
	local file=$1 package=$2 name started=$SECONDS partial pid
	name=$(basename "$file")
	partial=$(dirname "$file")/.$name.partial
	echo "building $name ($package), minutes with an empty build cache ..." >&2
	go build -trimpath "${@:3}" -o "$partial" "$package" &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if (((SECONDS - started) % 10 == 9)); then
			echo "  ... $name: $((SECONDS - started)) s" >&2
		fi
	done
	wait "$pid"
	mv "$partial" "$file"
	echo "  $name built in $((SECONDS - started)) s" >&2
}
