"""Writes series for `cargo run --release -p bongsu-forecast --example coverage`: M3 and PlanetLab from
the folder that BONGSU_DATA names, to standard output.

    python benches/peers/interval_coverage.py | cargo run --release -p bongsu-forecast --example coverage
"""

import csv
import gzip
import json
import os
from pathlib import Path

DATA = Path(os.environ["BONGSU_DATA"])
PERIODS = {"YEARLY": 1, "QUARTERLY": 4, "MONTHLY": 12, "OTHER": 1}


def line(group, period, horizon, known, future):
    values = " ".join(repr(float(x)) for x in [*known, *future])
    print(group, period, horizon, len(known), values)


with gzip.open(DATA / "m1_m3/m3_data.json.gz", "rt") as file:
    for number, one in enumerate(json.load(file).values()):
        kind = one["period"][0]
        if number % 4 == 0:
            line(f"m3-{kind.lower()}", PERIODS.get(kind, 1), len(one["xx"]), one["x"], one["xx"])

with open(next((DATA / "planetlab").glob("*.csv"))) as file:
    for number, row in enumerate(csv.reader(file)):
        if number == 0 or number % 5:
            continue
        values = [float(x) for x in row[1:] if x]
        line("planetlab", 1, 12, values[:-12], values[-12:])
