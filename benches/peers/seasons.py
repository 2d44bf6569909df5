"""Seasonal decompositions and autocorrelation, against statsmodels."""

from functools import partial

import numpy as np
from statsmodels.tsa.seasonal import MSTL, STL, seasonal_decompose
from statsmodels.tsa.stattools import acf

from peer import Case


def metric(n, period):
    """A season that grows, a slow trend, noise, and a few outliers."""
    rng = np.random.default_rng(1)
    t = np.arange(n)
    season = (5 + t / n) * np.sin(2 * np.pi * t / period) + 2 * np.sin(6 * np.pi * t / period)
    x = 100 + t / 500 + season + rng.normal(size=n)
    x[rng.integers(0, n, size=n // 500)] += 40
    return [x]


def parts(result):
    return np.r_[np.asarray(result.seasonal).T.ravel(), result.trend, result.resid]


def classical(x, period, model):
    return parts(seasonal_decompose(x, period=period, model=model))


def stl(x, period, robust):
    return parts(STL(x, period=period, robust=robust).fit())


def mstl(x, short, long):
    return parts(MSTL(x, periods=(short, long)).fit())


def autocorrelation(x, lags):
    return acf(x, nlags=lags, fft=True)


def case(name, reference, function, n, season, goal, method=None, **parameters):
    settings = {key: int(v) if isinstance(v, bool) else v for key, v in parameters.items()}
    return Case(
        name=name,
        reference=reference,
        size=f"{n:,} points, period {season}",
        inputs=partial(metric, n, season),
        theirs=partial(function, **parameters),
        # A minute each, by the reference.
        repeats=1 if name == "mstl" else 3,
        crate="bongsu-stats",
        example="peer_seasons",
        method=method or name,
        parameters=settings,
        goal=goal,
        tolerance=1e-8,
    )


CASES = [
    case("classical", "statsmodels `seasonal_decompose`", classical, 8_640, 288, 2,
         period=288, model="additive"),
    case("classical, multiplicative", "statsmodels `seasonal_decompose`", classical, 100_000, 1_440,
         2, "classical", period=1_440, model="multiplicative"),
    case("stl", "statsmodels `STL`", stl, 8_640, 288, 50, period=288, robust=False),
    case("stl, robust", "statsmodels `STL`", stl, 8_640, 288, 50, "stl", period=288, robust=True),
    case("stl, short period", "statsmodels `STL`", stl, 8_640, 24, 50, "stl", period=24,
         robust=False),
    case("mstl", "statsmodels `MSTL`", mstl, 8_640, 288, 50, short=288, long=2_016),
    case("acf", "statsmodels `acf`", autocorrelation, 8_640, 288, None, lags=4_000),
]
