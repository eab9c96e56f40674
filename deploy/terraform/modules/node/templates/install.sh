#!/bin/sh
# Installs a program from RELEASE_URL if its SHA-256 is RELEASE_SHA256, and leaves the installed one
# alone otherwise. Usage: meridian-install PROGRAM
set -eu
program=${1:?name the program}
: "${RELEASE_URL:?}" "${RELEASE_SHA256:?}"
target=${INSTALL_DIR:-/usr/local/bin}/$program

if [ -x "$target" ] && echo "$RELEASE_SHA256  $target" | sha256sum --check --status; then
	echo "$program is installed"
	exit 0
fi
new=$(mktemp "$target.XXXXXX")
trap 'rm -f "$new"' EXIT
curl --fail --silent --show-error --location --proto '=https' --retry 5 --retry-connrefused \
	--max-time 600 --output "$new" "$RELEASE_URL"
if ! echo "$RELEASE_SHA256  $new" | sha256sum --check --status; then
	echo "$program from $RELEASE_URL has another SHA-256 than the release: not installed" >&2
	exit 1
fi
chmod 0755 "$new"
mv "$new" "$target"
echo "$program installed"
