"""How often real values lie inside the intervals of 80 and 95 %, and the score of those intervals.

Requirements and data: as forecast_accuracy.py; series as there. Run, with BONGSU_DATA naming the data:
    python interval_coverage.py [--every N] [--models auto-ets,dot] [--sets m4-weekly,m3-monthly]
        [--reference] [--same-series] [--cache FOLDER]

Prints a Markdown table: the share of values inside, in percent, and the mean Winkler score (the width,
and where a value is outside 2 / (1 - level) times the distance) in units of the mean absolute error of
the naive forecast on the known values (the seasonal one on M3). `split:MODEL` and `adaptive:MODEL` are
bands calibrated on the past. Series that a model cannot forecast do not count; the last column tells
how many. `--same-series` counts only those that all models of the run can forecast. `--reference` adds
rows of statsforecast, and then only series that both sides can forecast count.
"""

import argparse
import json
import os
import subprocess
import warnings
from pathlib import Path

from forecast_accuracy import MODELS, ROOT, SEASONAL, SETS

import numpy as np

LEVELS = [80, 95]


def theirs(name, x, h, period):
    """The bounds of statsforecast; none where it fails."""
    from statsforecast import models

    model = {
        "naive": models.Naive,
        "seasonal-naive": lambda: models.SeasonalNaive(season_length=period),
        "drift": models.RandomWalkWithDrift,
        "theta": lambda: models.Theta(season_length=period),
        "dot": lambda: models.DynamicOptimizedTheta(season_length=period),
        "ces": lambda: models.AutoCES(season_length=period),
        "auto-ets": lambda: models.AutoETS(season_length=period),
        "auto-arima": lambda: models.AutoARIMA(season_length=period),
        "mstl": lambda: models.MSTL(season_length=period),
    }[name]()
    np.random.seed(1)
    try:
        found = model.forecast(y=np.asarray(x, dtype=float), h=h, level=LEVELS)
        return [[float(v) for v in found[f"{side}-{level}"]] for level in LEVELS for side in ("lo", "hi")]
    except Exception:
        return None


def references(set_name, name, series, every, cache):
    path = cache / f"intervals-{set_name}-{name}.json" if cache else None
    known = json.loads(path.read_text()) if path and path.exists() else {}
    for i, (x, xx, period, _) in enumerate(series):
        if str(i * every) not in known:
            known[str(i * every)] = theirs(name, x, len(xx), period)
    if path:
        path.write_text(json.dumps(known))
    return [known[str(i * every)] for i in range(len(series))]


def ours(binary, name, series):
    lines = [" ".join([name, str(m), str(len(xx)), *map(repr, x)]) for x, xx, m, _ in series]
    command = [binary, *(str(level / 100) for level in LEVELS)]
    done = subprocess.run(command, input="\n".join(lines), check=True, capture_output=True, text=True)
    rows = [np.array(line.split(), dtype=float) for line in done.stdout.splitlines()]
    # The means, then the bounds.
    return [row.reshape(1 + 2 * len(LEVELS), -1)[1:] if len(row) else None for row in rows]


def measures(bounds, series):
    """Per level the share inside in percent, and the scaled score, over all values."""
    inside, scores = [[] for _ in LEVELS], [[] for _ in LEVELS]
    for one, (x, xx, _, m) in zip(bounds, series):
        x, y = np.asarray(x, dtype=float), np.asarray(xx, dtype=float)
        scale = np.abs(x[m:] - x[:-m]).mean()
        for k, level in enumerate(LEVELS):
            low, high = np.asarray(one[2 * k]), np.asarray(one[2 * k + 1])
            inside[k].append(((low <= y) & (y <= high)).mean())
            outside = np.maximum(np.maximum(low - y, y - high), 0)
            score = (high - low + 2 / (1 - level / 100) * outside).mean()
            scores[k].append(score / scale if scale > 0 else np.nan)
    return [100 * np.mean(one) for one in inside] + [np.nanmean(one) for one in scores]


def row(set_name, name, series, bounds, good):
    kept = [series[i] for i in good]
    cells = measures([bounds[i] for i in good], kept) if good else [np.nan] * 4
    text = " | ".join(f"{cell:.{1 if k < 2 else 2}f}" for k, cell in enumerate(cells))
    return f"| {set_name} | {len(good)} | {name} | {text} | {len(series) - len(good)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--same-series", action="store_true")
    parser.add_argument("--binary", type=Path, help="the example forecast_batch; built where not given")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    data = Path(os.environ["BONGSU_DATA"])
    binary = arguments.binary
    if not binary:
        build = ["cargo", "build", "--release", "-p", "bongsu-forecast", "--example", "forecast_batch"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
        binary = Path(target) / "release" / "examples" / "forecast_batch"
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    print("| set | series | model | inside 80 | inside 95 | Winkler 80 | Winkler 95 | failed |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for set_name in arguments.sets.split(","):
        series = SETS[set_name](data)[:: arguments.every]
        rows = []
        for name in arguments.models.split(","):
            if name.split(":")[-1] in SEASONAL and series[0][2] == 1:
                continue
            if name == "prophet" and not set_name.startswith("m4-weekly"):
                continue
            one = [(name, ours(binary, name, series))]
            if arguments.reference:
                one.append((f"{name} of the reference", references(set_name, name, series, arguments.every, arguments.cache)))
            rows.append(one)
            if not arguments.same_series:
                show(set_name, series, one)
        if arguments.same_series:
            show(set_name, series, [pair for one in rows for pair in one])


def show(set_name, series, named):
    """Rows over the series that each of `named` can forecast."""
    good = [i for i in range(len(series)) if all(bounds[i] is not None for _, bounds in named)]
    for name, bounds in named:
        print(row(set_name, name, series, bounds, good), flush=True)


if __name__ == "__main__":
    main()
