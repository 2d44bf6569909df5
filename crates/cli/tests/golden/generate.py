"""Writes the inputs and the expected raw z-scores of the golden test of `bongsu detect`.

Reference: pandas 2.3 (numpy 2.4). Run: python generate.py
Missing values are dropped before the rolling window, as `detect` does: a hole in the data must not
blank the next window.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
WINDOW = 100


def cases():
    rng = np.random.default_rng(7)
    n = 260
    noise = rng.normal(size=n)
    outlier = noise.copy()
    outlier[180] = 25.0
    missing = noise.copy()
    missing[[3, 120, 121, 122, 200]] = np.nan
    yield "noise", noise
    yield "outlier", outlier
    yield "missing", missing
    yield "offset", 1e9 + 1e-3 * noise
    yield "tiny", 1e-12 * noise
    yield "huge", 1e12 * (1 + noise)
    yield "integers", rng.poisson(5, size=n).astype(float)
    yield "just_enough", noise[: WINDOW + 1]
    yield "too_short", noise[: WINDOW - 1]
    yield "step", np.where(np.arange(n) < 130, 1.0, 2.0) + 0.1 * noise


def main():
    for name, values in cases():
        series = pd.Series(values)
        times = pd.Series(1_700_000_000 + 60 * np.arange(len(series)))
        present = series.dropna()
        if name == "offset":
            # pandas keeps the mean as one double, which costs it the digits that this case is
            # about. The subtraction is exact, so the scores of what is left are the true ones.
            present = present - present.iloc[0]
        rolling = present.rolling(WINDOW)
        score = ((present - rolling.mean()).abs() / rolling.std()).reindex(series.index)
        text = "\n".join(
            f"{t},{'' if np.isnan(v) else repr(float(v))}" for t, v in zip(times, series)
        )
        (HERE / f"{name}.input.csv").write_text(f"timestamp,value\n{text}\n")
        text = "\n".join("" if np.isnan(s) else repr(float(s)) for s in score)
        (HERE / f"{name}.zscore.txt").write_text(text + "\n")


if __name__ == "__main__":
    main()
