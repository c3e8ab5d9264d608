#!/usr/bin/env bash
# Installs what a node needs from the distribution, if it is missing: runc, iptables, iproute2 (ip) and util-linux (nsenter).
set -euo pipefail

declare -A packages=([runc]=runc [iptables]=iptables [ip]=iproute2 [nsenter]=util-linux)
missing=()
for program in "${!packages[@]}"; do
	command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi
if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "packages.sh: missing: ${missing[*]}. Install them by your package manager; as root on Debian or Ubuntu this script does it." >&2
	exit 1
fi
echo "installing ${missing[*]} by apt-get ..." >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
