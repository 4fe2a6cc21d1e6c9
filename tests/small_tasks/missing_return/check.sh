#!/bin/sh
# Runs in the project after the turn.
set -eu
python3 - <<'PY'
from stats import mean, median, spread
assert median([3, 1, 2]) == 2 and median([4, 1, 3, 2]) == 2.5 and mean([1, 3]) == 2 and spread([1, 5]) == 4
PY
