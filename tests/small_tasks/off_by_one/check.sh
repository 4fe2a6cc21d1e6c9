#!/bin/sh
# Runs in the project after the turn.
set -eu
python3 - <<'PY'
from pages import page, page_count
assert [page_count(n, 10) for n in (0, 1, 9, 10, 11, 20, 21)] == [0, 1, 1, 1, 2, 2, 3]
assert page(list(range(25)), 3, 10) == [20, 21, 22, 23, 24]
PY
