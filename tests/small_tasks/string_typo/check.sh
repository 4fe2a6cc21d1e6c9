#!/bin/sh
# Runs in the project after the turn.
set -eu
test "$(sh install.sh /opt)" = "Installing into /opt ...
Done."
! sh install.sh / 2>/dev/null
test "$(wc -l < install.sh)" = 10
