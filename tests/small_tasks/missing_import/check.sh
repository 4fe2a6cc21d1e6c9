#!/bin/sh
# Runs in the project after the turn.
set -eu
test "$(python3 load.py data.json)" = "a=1
b=2"
