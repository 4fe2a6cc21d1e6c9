#!/bin/sh
# Runs in the project after the turn.
set -eu
test "$(python3 server.py)" = "listening on localhost:8080 with 4 workers"
python3 -c 'import json; s = json.load(open("settings.json")); assert s == {"host": "localhost", "port": 8080, "debug": False, "workers": 4}, s'
grep -q "settings\['port'\]" server.py
