"""The Prophet-style model, fitted and forecast, against Prophet."""

import logging
from functools import cache, partial

import numpy as np

from peer import Case


def metric(n, step):
    """Days and weeks on a trend that bends twice."""
    t = np.arange(n) * step / 86400
    rng = np.random.default_rng(1)
    trend = 60 + 0.4 * t + 0.8 * np.maximum(t - t[-1] / 3, 0) - 1.5 * np.maximum(t - t[-1] / 2, 0)
    day = 8 * np.sin(2 * np.pi * t) + 3 * np.cos(4 * np.pi * t)
    return [trend + day + 4 * np.sin(2 * np.pi * t / 7) + 2 * rng.normal(size=n)]


def frame(start, count, step):
    import pandas as pd

    seconds = 1704067200 + step * (start + np.arange(count))
    return pd.DataFrame({"ds": pd.to_datetime(seconds, unit="s")})


def fit(x, step, mode, **_):
    from prophet import Prophet

    for name in ("prophet", "cmdstanpy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    history = frame(0, len(x), step)
    history["y"] = x
    model = Prophet(interval_width=0.95, seasonality_mode=mode)
    model.fit(history)
    return model


@cache
def model_of(n, step, mode):
    return fit(metric(n, step)[0], step, mode)


def timed_fit(x, step, mode, steps):
    """Fits alone, and then only once looks at what was fitted, outside of the timing."""
    key = (len(x), step, mode)
    model = fit(x, step, mode)
    if key not in FITTED:
        model.uncertainty_samples = 0
        FITTED[key] = model.predict(frame(0, len(x), step))["yhat"].to_numpy()
    return FITTED[key]


FITTED = {}


def forecast(x, step, mode, steps):
    return model_of(len(x), step, mode).predict(frame(len(x), steps, step))["yhat"].to_numpy()


def of_range(ours, theirs):
    return float(np.max(np.abs(ours - theirs)) / np.ptp(theirs))


def case(name, theirs, n, step, words, mode="additive", steps=288, tolerance=0.01):
    return Case(
        name=name,
        reference="prophet `Prophet`",
        size=words,
        inputs=partial(metric, n, step),
        theirs=partial(theirs, step=step, mode=mode, steps=steps),
        crate="bongsu-forecast",
        example="peer_prophet",
        method=name,
        parameters={"step": step, "mode": mode, "steps": steps},
        goal=50,
        difference=of_range,
        difference_is="of the range",
        tolerance=tolerance,
    )


CASES = [
    case("prophet-fit", timed_fit, 8640, 300, "8,640 points of 5 min, daily and weekly"),
    case("prophet-fit", timed_fit, 1440, 3600, "1,440 points of 1 h, daily and weekly"),
    # The reference ends its search early here: its posterior is below ours.
    case("prophet-fit", timed_fit, 1440, 3600, "1,440 points of 1 h, multiplicative",
         mode="multiplicative", tolerance=0.02),
    case("prophet-predict", forecast, 8640, 300, "288 steps of 5 min, 1,000 samples"),
]
