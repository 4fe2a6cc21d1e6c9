#!/bin/sh
# Runs in the project after the turn.
set -eu
! grep -rq calc_total shop
grep -q "def order_total" shop/orders.py
test "$(python3 shop/report.py)" = "ann: 5.00
bob: 7.00
total: 12.00"
