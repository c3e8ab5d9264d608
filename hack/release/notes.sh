#!/usr/bin/env bash
# Prints the section of a version in a changelog, or the section Unreleased if the version has none: notes.sh CHANGELOG VERSION.
set -euo pipefail
file=$1 version=${2#v}

# section NAME: prints the lines of a section without its heading and without the links at the end of the file.
section() {
	awk -v heading="## [$1]" '
		index($0, "## [") == 1 { inside = index($0, heading) == 1; next }
		/^\[[^]]+\]: / { next }
		inside { print }' "$file" | sed -e '/./,$!d'
}

text=$(section "$version")
[[ -n $text ]] || text=$(section Unreleased)
echo "$text"
