#!/usr/bin/env bash
# Fails when a generated file, the formatting or a go.mod is not what the tools make of the sources.
# Everything is generated into a temporary folder and compared, so nothing in the work tree changes, committed or not.
# Arguments: the folders of the modules that must be tidy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
stale=()

make --no-print-directory generate manifests OUT="$fresh"
for generated in config/crd/bases config/rbac/receiver/role.yaml config/rbac/controllers/role.yaml \
	config/helm/fastpix-operator/templates/generated \
	api/v1alpha1/zz_generated.deepcopy.go docs/events.md; do
	# -N shows a file that only one side has.
	diff -ruN "$generated" "$fresh/$generated" || stale+=("$generated: run 'make generate manifests'")
done
for module in "$@"; do
	go -C "$module" mod tidy -diff || stale+=("$module/go.mod or go.sum: run 'make tidy'")
done
# Nothing in this repository is large but what was committed by mistake, such as a binary.
while read -r kilobytes file; do
	((kilobytes <= 512)) || stale+=("$file has $kilobytes KiB: remove it from git, or add it to .gitignore")
done < <(git ls-files -z | xargs -0 --no-run-if-empty du -k --)
bin/tools/golangci-lint fmt --diff || stale+=("formatting: run 'make fmt'")

if [ ${#stale[@]} -gt 0 ]; then
	printf 'verify: out of date (see the differences above): %s\n' "${stale[@]}" >&2
	echo "verify: then look at what changed and commit it with its source." >&2
	exit 1
fi
echo "verify: everything generated is up to date, the modules are tidy, the code is formatted."
