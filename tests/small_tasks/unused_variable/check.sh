#!/bin/sh
# Runs in the project after the turn.
set -eu
! grep -q longest words.py
test "$(wc -l < words.py)" = 12
python3 - <<'PY'
from words import count_words, most_common
assert count_words("A b, a!") == {"a": 2, "b": 1} and most_common("x y x") == "x"
PY
