"""Writes accuracy.json: measures of forecasts by utilsforecast, and by formulas in NumPy and SciPy
for those that it does not have.

Run with Python 3.11 and: numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 utilsforecast==0.2.17
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from utilsforecast import losses

rng = np.random.default_rng(5)


def case(name, history, actual, forecast, spread, period):
    history, actual, forecast = (np.asarray(x, float) for x in (history, actual, forecast))
    spread = np.broadcast_to(np.asarray(spread, float), actual.shape)
    z = norm.ppf(0.9)
    lower, upper = forecast - z * spread, forecast + z * spread
    quantiles = [0.1, 0.3, 0.5, 0.9]
    by_quantile = [forecast + norm.ppf(q) * spread for q in quantiles]
    n, m = len(history), len(actual)
    train = pd.DataFrame({"unique_id": "a", "ds": np.arange(n), "y": history})
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(n, n + m), "y": actual, "f": forecast})
    frame["f-lo-80"], frame["f-hi-80"] = lower, upper
    for i, values in enumerate(by_quantile):
        frame[f"q{i}"] = values
    frame = frame[frame.y.notna()]

    def of(loss, *args, **kwargs):
        return float(loss(frame, ["f"], *args, **kwargs)["f"].iloc[0])

    present = ~np.isnan(actual)
    y, f, s, lo, hi = (x[present] for x in (actual, forecast, spread, lower, upper))
    w = (y - f) / s
    crps = np.mean(s * (w * (2 * norm.cdf(w) - 1) + 2 * norm.pdf(w) - 1 / np.sqrt(np.pi)))
    outside = np.maximum(0, np.maximum(lo - y, y - hi))
    mq = losses.mqloss(frame, {"f": [f"q{i}" for i in range(4)]}, np.array(quantiles))
    clean = lambda x: [None if np.isnan(v) else v for v in x.tolist()]
    out = {
        "name": name,
        "history": clean(history),
        "actual": clean(actual),
        "forecast": forecast.tolist(),
        "deviations": spread.tolist(),
        "lower": lower.tolist(),
        "upper": upper.tolist(),
        "quantiles": quantiles,
        "by_quantile": [x.tolist() for x in by_quantile],
        "period": period,
        "mae": of(losses.mae),
        "mse": of(losses.mse),
        "rmse": of(losses.rmse),
        "mape": None if (y == 0).any() else 100 * of(losses.mape),
        "smape": 200 * of(losses.smape),
        "pinball": float(
            losses.quantile_loss(frame, {"f": "q3"}, q=0.9)["f"].iloc[0]
        ),
        "crps_quantiles": 2 * float(mq["f"].iloc[0]),
        "crps_normal": float(crps),
        "coverage": of(losses.coverage, level=80),
        "winkler": float(np.mean(hi - lo + 2 / 0.2 * outside)),
    }
    scale = np.nanmean(np.abs(history[period:] - history[:-period]))
    if scale == 0:
        out["mase"] = out["rmsse"] = None
    else:
        out["mase"] = of(losses.mase, seasonality=period, train_df=train)
        out["rmsse"] = of(losses.rmsse, seasonality=period, train_df=train)
    return out


t = np.arange(60)
season = 10 + 3 * np.sin(t * np.pi / 6) + rng.normal(size=60)
gaps = season[48:].copy()
gaps[[1, 5]] = np.nan
history_gaps = season[:48].copy()
history_gaps[[3, 17]] = np.nan
near = season[48:] + rng.normal(size=12)
cases = [
    case("season", season[:48], season[48:], near, 1.1, 12),
    case("missing values", history_gaps, gaps, near, 1.1, 12),
    case("one value", [1.0, 2.0], [4.0], [3.0], 0.5, 1),
    case("constant history", np.full(10, 7.0), [7.0, 8.0], [7.0, 7.0], 0.2, 1),
    case("zeros", rng.poisson(0.7, 30), [0, 0, 2, 1, 0], [0.0, 0.5, 1.0, 1.0, 0.2], 0.7, 1),
    case("perfect", season[:48], season[48:], season[48:], 1.0, 1),
    case("huge", 1e12 * season[:48], 1e12 * season[48:], 1e12 * near, 1e12, 12),
    case("tiny", 1e-12 * season[:48], 1e-12 * season[48:], 1e-12 * near, 1e-12, 12),
    case("outlier", season[:48], np.where(t[48:] == 50, 1e6, season[48:]), near, 1.0, 12),
    case("negative", -season[:48], -season[48:], near, np.linspace(0.5, 9, 12), 12),
]
Path(__file__).with_name("accuracy.json").write_text(json.dumps(cases, indent=0) + "\n")
