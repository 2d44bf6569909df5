"""Tests for outliers and shifts, of samples and of series, and robust estimates."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.robust.scale import Huber, qn_scale
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.stattools import jarque_bera
from statsmodels.tsa.stattools import adfuller, kpss

from peer import Case

warnings.simplefilter("ignore")


def gesd(x, most):
    """Rosner 1983, step by step with NumPy, critical values at once."""
    left, statistics = x.copy(), np.empty(most)
    for i in range(most):
        deviations = np.abs(left - left.mean())
        furthest = deviations.argmax()
        statistics[i] = deviations[furthest] / left.std(ddof=1)
        left = np.delete(left, furthest)
    n, i = len(x), np.arange(1, most + 1)
    t = stats.t.isf(0.05 / (2 * (n - i + 1)), n - i - 1)
    criticals = (n - i) * t / np.sqrt((n - i - 1 + t * t) * (n - i + 1))
    return np.c_[statistics, criticals]


def cusum(x):
    """The larger of both sums without a loop: each is a running sum less its running minimum."""
    sums = []
    for z in (x, -x):
        total = np.cumsum(z - 0.5)
        sums.append(total - np.minimum(np.minimum.accumulate(total), 0.0))
    return np.maximum(*sums)


def rolling_quantile(x, window, q):
    return pd.Series(x).rolling(window).quantile(q).to_numpy()


def ljung_box(x, lags):
    return acorr_ljungbox(x, lags=lags).to_numpy()


def adf(x):
    result = adfuller(x, result_object=True)
    return [result.statistic, result.pvalue, result.lags]


def energy(x, y):
    return [stats.energy_distance(x, y)]


def first_two(function, **options):
    return lambda *samples: list(function(*samples, **options))[:2]


def noise(*sizes):
    rng = np.random.default_rng(1)
    return [rng.normal(0.1 * i, 1 + 0.1 * i, size=n) for i, n in enumerate(sizes)]


def walk(n):
    return [np.cumsum(noise(n)[0])]


def plain(function):
    return lambda x: list(function(x))


def case(name, reference, function, inputs, size, goal=None, method=None, **parameters):
    return Case(
        name=name,
        reference=reference,
        size=size,
        inputs=inputs,
        theirs=partial(function, **parameters) if parameters else function,
        crate="bongsu-stats",
        example="peer_hypothesis",
        method=method or name,
        parameters=parameters,
        goal=goal,
        repeats=5,
    )


def quantile_case(n, window, q):
    return case(f"rolling-quantile-{window}", "pandas `rolling().quantile()`", rolling_quantile,
                partial(noise, n), f"{n:,} points, w={window:,}, q={q}", 3, "rolling-quantile",
                window=window, q=q)


CASES = [
    case("gesd", "NumPy, Rosner's steps", gesd, partial(noise, 10_000),
         "10,000 points, k=1,000", 10, most=1_000),
    case("gesd-small", "NumPy, Rosner's steps", gesd, partial(noise, 1_000),
         "1,000 points, k=20", 10, "gesd", most=20),
    case("cusum", "NumPy, accumulated", cusum, partial(noise, 1_000_000),
         "1,000,000 points", 10),
    quantile_case(1_000_000, 10, 0.5),
    quantile_case(1_000_000, 100, 0.5),
    quantile_case(1_000_000, 100, 0.9),
    quantile_case(1_000_000, 10_000, 0.5),
    quantile_case(1_000_000, 200_000, 0.5),
    case("qn", "statsmodels `qn_scale`", lambda x: [qn_scale(x)], partial(noise, 10_000),
         "10,000 points"),
    case("huber", "statsmodels `Huber`", plain(Huber()), partial(noise, 10_000), "10,000 points"),
    case("theil-sen", "SciPy `theilslopes`", lambda x, y: list(stats.theilslopes(y, x)),
         partial(noise, 2_000, 2_000), "2,000 points"),
    case("ks", "SciPy `ks_2samp`", first_two(stats.ks_2samp), partial(noise, 1_000, 300),
         "1,000 and 300 points"),
    case("mann-whitney", "SciPy `mannwhitneyu`", first_two(stats.mannwhitneyu),
         partial(noise, 1_000, 300), "1,000 and 300 points"),
    case("welch", "SciPy `ttest_ind`", first_two(stats.ttest_ind, equal_var=False),
         partial(noise, 1_000, 300), "1,000 and 300 points"),
    case("energy", "SciPy `energy_distance`", energy, partial(noise, 1_000, 300),
         "1,000 and 300 points"),
    case("adf", "statsmodels `adfuller`", adf, partial(walk, 1_000), "1,000 points, AIC"),
    case("kpss", "statsmodels `kpss`", first_two(kpss), partial(walk, 1_000), "1,000 points"),
    case("ljung-box", "statsmodels `acorr_ljungbox`", ljung_box, partial(walk, 10_000),
         "10,000 points, 40 lags", lags=40),
    case("jarque-bera", "statsmodels `jarque_bera`", plain(jarque_bera),
         partial(noise, 10_000), "10,000 points"),
]
