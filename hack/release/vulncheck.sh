#!/usr/bin/env bash
# Looks for known vulnerabilities in what the operator calls. Where the database cannot be reached it says so and passes: nothing was
# found because nothing was looked at. VULNDB names another database (a URL, file:// too); VULNCHECK_STRICT=1 makes not reaching it fail.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

said=$(go tool -modfile=hack/release/go.mod govulncheck ${VULNDB:+-db "$VULNDB"} ./... 2>&1)
code=$?
echo "$said"
if [[ $code -ne 0 && $said == *"fetching vulnerabilities: "* ]]; then
	echo "vulncheck: NOT CHECKED: the database of vulnerabilities cannot be reached from here (VULNDB names another)" >&2
	exit "${VULNCHECK_STRICT:-0}"
fi
exit "$code"
