"""Rolling and exponentially weighted scores, against pandas and NumPy."""

from functools import partial

import numpy as np
import pandas as pd

from peer import Case


def zscore(x, window):
    rolling = pd.Series(x).rolling(window)
    return ((x - rolling.mean()).abs() / rolling.std()).to_numpy()


def robust_z(x, window):
    """Median and MAD of every window with NumPy, in blocks that fit the cache."""
    out = np.full(len(x), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, window)[:-1]
    for start in range(0, len(windows), 2000):
        part = windows[start : start + 2000]
        center = np.median(part, axis=1)
        mad = np.median(np.abs(part - center[:, None]), axis=1)
        judged = x[window + start : window + start + len(part)]
        out[window + start : window + start + len(part)] = (
            0.6744897501960817 * np.abs(judged - center) / mad
        )
    return out


def iqr(x, window):
    rolling = pd.Series(x).rolling(window)
    q1, q3 = rolling.quantile(0.25).shift(), rolling.quantile(0.75).shift()
    outside = np.maximum(np.maximum(q1 - x, x - q3), 0.0)
    return (outside / (q3 - q1)).to_numpy()


def ewma(x, alpha):
    s = pd.Series(x)
    e = s.ewm(alpha=alpha, adjust=False)
    return ((s - e.mean().shift()).abs() / np.sqrt(e.var(bias=True)).shift()).to_numpy()


def noise(n):
    return [20 + np.random.default_rng(1).normal(size=n)]


def case(name, reference, function, n, **parameters):
    return Case(
        name=name,
        reference=reference,
        size=f"{n:,} points" + (", w=100" if "window" in parameters else ""),
        inputs=partial(noise, n),
        theirs=partial(function, **parameters),
        crate="bongsu-stats",
        example="peer_rolling",
        method=name,
        parameters=parameters,
        goal=10,
    )


CASES = [
    case("zscore", "pandas `rolling().mean()`, `.std()`", zscore, 1_000_000, window=100),
    case("robust-z", "NumPy, medians of a sliding window", robust_z, 100_000, window=100),
    case("iqr", "pandas `rolling().quantile()`", iqr, 1_000_000, window=100),
    case("ewma", "pandas `ewm().mean()`, `.var()`", ewma, 1_000_000, alpha=0.1),
]
