#!/usr/bin/env bash
# Checks that generated files, formatting and go.mod files are up to date, and fails if not.
# It generates the files into a temporary folder and compares them. It changes nothing in the work tree.
# Arguments: the folders of the modules to check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
stale=()

make --no-print-directory generate manifests OUT="$fresh"
for generated in config/crd/bases config/rbac/receiver/role.yaml config/rbac/controllers/role.yaml config/rbac/syncer/role.yaml \
	config/prometheus/prometheus_rule.yaml config/helm/fastpix-operator/templates/generated config/helm/fastpix-operator/README.md config/helm/fastpix-operator/dashboards \
	api/v1alpha1/zz_generated.deepcopy.go docs/events.md docs/kubectl-fastpix.md; do
	# With -N, diff also shows files that exist only on one side.
	diff -ruN "$generated" "$fresh/$generated" || stale+=("$generated: run 'make generate manifests'")
done
for module in "$@"; do
	go -C "$module" mod tidy -diff || stale+=("$module/go.mod or go.sum: run 'make tidy'")
done
# A large file, such as a binary, was committed by mistake.
while read -r kilobytes file; do
	((kilobytes <= 512)) || stale+=("$file has $kilobytes KiB: remove it from git, or add it to .gitignore")
done < <(git ls-files -z | xargs -0 du -k --)
bin/tools/golangci-lint fmt --diff || stale+=("formatting: run 'make fmt'")

if [ ${#stale[@]} -gt 0 ]; then
	printf 'verify: out of date (see the differences above): %s\n' "${stale[@]}" >&2
	echo "verify: after that, review the changes and commit them with their source." >&2
	exit 1
fi
echo "verify: everything generated is up to date, the modules are tidy, the code is formatted."
