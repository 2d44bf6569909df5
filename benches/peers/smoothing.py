"""Exponential smoothing and its kin, fitted and forecast, against statsforecast."""

from functools import partial

import numpy as np

from peer import Case


def metric(n, period):
    """Hourly: a day's rhythm on a slow trend."""
    t = np.arange(n)
    rng = np.random.default_rng(1)
    wave = np.sin(2 * np.pi * t / period) + 0.4 * np.cos(4 * np.pi * t / period)
    return [60 + 0.01 * t + 10 * wave + 2 * rng.normal(size=n)]


def model(name, period, model="ZZZ"):
    from statsforecast import models

    match name:
        case "ets":
            return models.AutoETS(season_length=period, model=model, damped=False)
        case "auto-ets":
            return models.AutoETS(season_length=period)
        case "ces":
            return models.AutoCES(season_length=period)
        case "dot":
            return models.DynamicOptimizedTheta(season_length=period)


def forecast(x, name, steps, **parameters):
    return model(name, **parameters).forecast(y=x, h=steps)["mean"]


def case(name, n, period, goal=10, **parameters):
    words = ", ".join(f"{key}={value}" for key, value in parameters.items())
    return Case(
        name=name,
        reference=f"statsforecast `{type_of(name)}`",
        size=f"{n} points, season {period}" + (f", {words}" if words else ""),
        inputs=partial(metric, n, max(period, 2)),
        theirs=partial(forecast, name=name, steps=24, period=period, **parameters),
        crate="bongsu-forecast",
        example="peer_smoothing",
        method=name,
        parameters={"period": period, "steps": 24, **parameters},
        goal=goal,
        tolerance=None,
    )


def type_of(name):
    names = {"ces": "AutoCES", "dot": "DynamicOptimizedTheta"}
    return names.get(name, "AutoETS")


CASES = [
    case("auto-ets", 720, 24),
    case("ets", 720, 24, model="AAA"),
    case("auto-ets", 500, 1),
    case("ces", 720, 24),
    case("dot", 720, 24),
]
