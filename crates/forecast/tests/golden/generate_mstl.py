"""Writes mstl.json: forecasts and intervals of MSTL with automatic exponential smoothing.

Run with Python 3.11 and: numpy==2.4.6 statsforecast==2.1.0 statsmodels==0.15.0
"""

import json
from pathlib import Path

import numpy as np
from statsforecast.models import MSTL, AutoETS, Naive

rng = np.random.default_rng(11)


def wave(n, periods, trend=0.05, noise=0.5):
    t = np.arange(n)
    seasons = sum(3 * np.sin(2 * np.pi * t / p) + np.cos(4 * np.pi * t / p) for p in periods)
    return 50 + trend * t + seasons + noise * rng.normal(size=n)


def case(name, values, periods, horizon=30):
    values = np.asarray(values, float)
    out = {"name": name, "values": values.tolist(), "periods": periods}
    for trend, model in {"naive": Naive(), "ets": AutoETS(model="ZZN")}.items():
        model = MSTL(season_length=periods, trend_forecaster=model).fit(values)
        forecast = model.predict(h=horizon, level=[80, 95])
        out[trend] = {key: np.asarray(x).tolist() for key, x in forecast.items()}
    return out


cases = [
    case("one season", wave(120, [12]), [12]),
    case("two seasons", wave(240, [6, 28]), [6, 28]),
    case("three seasons", wave(300, [5, 12, 40]), [5, 12, 40]),
    case("two cycles", wave(49, [24]), [24]),
    case("random walk", wave(160, [7], 0.0, 0.1) + np.cumsum(rng.normal(size=160)), [7]),
    case("counts", rng.poisson(5 + 3 * (np.arange(90) % 7 == 0)), [7]),
    case("huge", 1e12 * wave(90, [7]), [7]),
    case("tiny", 1e-12 * wave(90, [7]), [7]),
]
spiked = wave(120, [12])
spiked[70] += 60
cases.append(case("one outlier", spiked, [12]))
Path(__file__).with_name("mstl.json").write_text(json.dumps(cases) + "\n")
