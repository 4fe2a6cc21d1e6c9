#!/bin/sh
# Runs in the project after the turn.
set -eu
python3 - <<'PY'
from greet import greet, greet_all
assert greet("Ann") == "Hello, Ann!" and greet("Bob", "Hi") == "Hi, Bob!"
assert greet_all(["Ann"]) == ["Hello, Ann!"] and greet_all(["Ann"], "Hi") == ["Hi, Ann!"]
PY
