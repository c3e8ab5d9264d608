#!/usr/bin/env bash
# Prints the changes of a version as Artifact Hub reads them from Chart.yaml: changes.sh CHANGELOG VERSION. A change is an item of a list in the
# changelog; its kind is the heading above it.
set -euo pipefail
"$(dirname "${BASH_SOURCE[0]}")/notes.sh" "$@" | awk '
	function flush() {
		if (text == "") return
		gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text)
		printf "- kind: %s\n  description: \"%s\"\n", kind, text
		text = ""
	}
	/^### / { flush(); kind = tolower($2); next }
	/^- / { flush(); if (kind != "") text = substr($0, 3); next }
	/^  [^ ]/ { if (text != "") text = text " " substr($0, 3); next }
	{ flush() }
	END { flush() }'
