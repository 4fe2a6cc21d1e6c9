#!/bin/sh
# Runs in the project after the turn.
set -eu
python3 - <<'PY'
from average import average, grade
assert average([]) == 0 and average([1, 2]) == 1.5
assert grade([95]) == "A" and grade([80]) == "B" and grade([]) == "C"
PY
