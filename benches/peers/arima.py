"""ARIMA: one fit, the grid of orders by AIC, the automatic choice, against statsmodels and
statsforecast.

What is compared is by how much our likelihood is below, or our criterion above, the reference's;
better is no difference. Both sides may choose other models by themselves: what counts is that ours is no
worse, by 0.001 of log-likelihood in a fit and in the grid, by 0.01 of the criterion where each goes its
own way.
"""

import warnings
from functools import partial

import numpy as np

from peer import Case


def mixed(n):
    """An integrated ARMA(2,2)."""
    rng = np.random.default_rng(1)
    e = rng.normal(size=n + 200)
    w = np.zeros(n + 200)
    for t in range(2, n + 200):
        w[t] = 0.5 * w[t - 1] + 0.2 * w[t - 2] + e[t] + 0.3 * e[t - 1] - 0.4 * e[t - 2]
    return [np.cumsum(w[200:])]


def hourly(n):
    """A daily season with autoregressive noise."""
    rng = np.random.default_rng(5)
    t = np.arange(n)
    noise = np.convolve(rng.normal(size=n + 40), 0.8 ** np.arange(20), "same")[20 : n + 20]
    wave = 10 * np.sin(2 * np.pi * t / 24) + 4 * np.cos(4 * np.pi * t / 24)
    return [50 + wave + 2 * noise]


def fit(y, order, seasonal=(0, 0, 0, 0)):
    from statsmodels.tsa.arima.model import ARIMA

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ARIMA(y, order=order, seasonal_order=seasonal).fit()


def likelihood(y, **orders):
    return np.array([fit(y, **orders).llf])


def grid(y):
    best = np.inf
    for p in range(6):
        for d in range(3):
            for q in range(6):
                try:
                    best = min(best, fit(y, (p, d, q)).aic)
                except (ValueError, np.linalg.LinAlgError):
                    pass
    return np.array([best])


def automatic(y, period):
    from statsforecast.arima import auto_arima_f

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array([auto_arima_f(y, period=period, approximation=False)["aicc"]])


def below(ours, theirs):
    return float(np.max(np.maximum(theirs - ours, 0)))


def above(ours, theirs):
    return float(np.max(np.maximum(ours - theirs, 0)))


FIT = "statsmodels `ARIMA.fit`"
AUTO = "statsforecast `AutoARIMA`"


def case(name, reference, size, inputs, theirs, goal, **others):
    others.setdefault("difference", below)
    others.setdefault("difference_is", "below in log-likelihood")
    others.setdefault("tolerance", 1e-3)
    return Case(
        name=name,
        reference=reference,
        size=size,
        inputs=inputs,
        theirs=theirs,
        crate="bongsu-forecast",
        example="peer_arima",
        goal=goal,
        **others,
    )


criterion = {"difference": above, "difference_is": "above in the criterion", "tolerance": 0.01}

CASES = [
    case(
        "arima (2,1,2)", FIT, "500 points", partial(mixed, 500),
        partial(likelihood, order=(2, 1, 2)), 20,
        method="arima", parameters={"p": 2, "d": 1, "q": 2},
    ),
    case(
        "arima (1,0,1)(0,1,1)24", FIT, "720 points", partial(hourly, 720),
        partial(likelihood, order=(1, 0, 1), seasonal=(0, 1, 1, 24)), 20,
        method="arima", parameters={"p": 1, "q": 1, "sd": 1, "sq": 1, "s": 24}, repeats=1,
    ),
    case(
        "arima grid", FIT, "500 points, 108 models", partial(mixed, 500), grid, 100,
        method="arima-grid", repeats=1, **{**criterion, "tolerance": 2e-3},
    ),
    case(
        "auto-arima", AUTO, "500 points", partial(mixed, 500),
        partial(automatic, period=1), 10,
        method="auto-arima", parameters={"s": 1}, **criterion,
    ),
    case(
        "auto-arima, season", AUTO, "720 points, s=24", partial(hourly, 720),
        partial(automatic, period=24), 20,
        method="auto-arima", parameters={"s": 24}, repeats=1, **criterion,
    ),
]
