#!/bin/sh
# Runs in the project after the turn.
set -eu
python3 - <<'PY'
from area import resize, thumbnail
assert thumbnail({"name": "cat", "width": 400, "height": 200}, 100) == {"name": "cat", "width": 100, "height": 50}
assert resize({"name": "x"}, 1, 2) == {"name": "x", "width": 1, "height": 2}
PY
