#!/bin/sh
set -eu

target=${1:-/usr/local}
echo "Instaling into $target ..."
if [ "$target" = / ]; then
  echo "error: refusing to install into /" >&2
  exit 1
fi
echo "Done."
