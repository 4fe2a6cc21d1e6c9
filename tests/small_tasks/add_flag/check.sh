#!/bin/sh
# Runs in the project after the turn.
set -eu
test "$(python3 say.py hi --upper)" = "HI"
test "$(python3 say.py hi --times 2)" = "hi
hi"
test "$(python3 say.py hi --upper --times 2)" = "HI
HI"
