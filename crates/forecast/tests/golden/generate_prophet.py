"""Writes prophet.json beside this script: series, settings, and what Prophet makes of them.

Requirements (pinned):
    numpy==2.4.6
    pandas==3.1.1
    cmdstanpy==1.3.2
    prophet==1.5.0

Run: python generate_prophet.py
The Rust tests read the file and never need Python. The log posterior is Stan's, without constants, at
the parameters that Prophet returns, in double precision: of a fit with its defaults, and of one with
Stan's Newton method. The defaults (L-BFGS) often end early, where the kinks of the Laplace prior begin,
so that forecasts are those of the fit with the higher posterior.
"""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from prophet import Prophet

HERE = Path(__file__).parent
for name in ("prophet", "cmdstanpy"):
    logging.getLogger(name).setLevel(logging.ERROR)

MINUTE, HOUR, DAY = 60, 3600, 86400


def rng(seed):
    return np.random.default_rng(20240500 + seed)


def hourly(n, seed, noise=2.0):
    t = np.arange(n)
    day, week = 2 * np.pi * t / 24, 2 * np.pi * t / 168
    bends = 0.05 * np.maximum(t - n // 3, 0) - 0.08 * np.maximum(t - n // 2, 0)
    return 60 + 0.02 * t + bends + 10 * np.sin(day) + 4 * np.cos(2 * day) + 6 * np.sin(week) + noise * rng(
        seed
    ).normal(size=n)


def daily(n, seed, noise=3.0):
    t = np.arange(n)
    week, year = 2 * np.pi * t / 7, 2 * np.pi * t / 365.25
    bend = 0.06 * np.maximum(t - n // 2, 0)
    return 100 + 0.03 * t - bend + 5 * np.sin(week) + 12 * np.cos(year) + noise * rng(seed).normal(size=n)


def growing(n, seed):
    """Multiplicative: the swing grows with the level."""
    t = np.arange(n)
    return (50 + 0.4 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / 7)) * (1 + 0.02 * rng(seed).normal(size=n))


def sigmoid(n, seed, cap=80.0, floor=0.0):
    t = np.arange(n) / n
    return floor + (cap - floor) / (1 + np.exp(-8 * (t - 0.5))) + 1.5 * rng(seed).normal(size=n)


def case(name, values, step=DAY, start="2023-01-02", horizon=14, columns=None, offsets=None, **options):
    values = np.asarray(values, dtype=float)
    if offsets is None:
        offsets = np.arange(len(values)) * step
    future = offsets[-1] + np.arange(1, horizon + 1) * step
    columns = {key: np.asarray(column, dtype=float) for key, column in (columns or {}).items()}
    for column in columns.values():
        assert len(column) == len(values) + horizon
    return dict(name=name, start=start, values=values, offsets=np.asarray(offsets), future=future, columns=columns,
                options=options)


def cases():
    r = rng(0)
    irregular = np.unique(r.integers(0, 40 * 24 * 60, size=300)) * 60
    gaps = daily(200, 3)
    gaps[[4, 50, 51, 52, 120]] = np.nan
    outlier = daily(150, 4)
    outlier[70] += 500
    n, h = 210, 14
    promo = (r.random(n + h) < 0.1).astype(float)
    load = 20 + 5 * r.normal(size=n + h)
    regressed = daily(n, 5) + 8 * promo[:n] + 0.7 * load[:n]
    weekend = ((np.arange(n + h) % 7) >= 5).astype(float)
    dates = ["2023-01-16", "2023-02-20", "2023-05-29", "2023-07-04"]
    free = daily(n, 6)
    for date in dates:
        at = (pd.Timestamp(date) - pd.Timestamp("2023-01-02")).days
        free[at : at + 2] -= 25
    holidays = [dict(name="free", dates=dates, lower=-1, upper=2),
                dict(name="sale", dates=["2023-03-01", "2023-06-01", "2023-08-02"], lower=0, upper=0, prior=3.0)]
    yield case("hourly", hourly(24 * 21, 1), HOUR, horizon=48)
    yield case("five_minutes", hourly(3 * 288, 2)[:700], 300, horizon=60)
    yield case("daily", daily(120, 3))
    yield case("two_years", daily(740, 30)[::1], horizon=30)
    yield case("weekly_only_off", daily(120, 7), weekly_seasonality=False)
    yield case("monthly", daily(48, 8), 30 * DAY, yearly_seasonality=3, horizon=6)
    yield case("flat", hourly(24 * 16, 9), HOUR, growth="flat", horizon=24)
    yield case("gaps", gaps)
    yield case("outlier", outlier)
    yield case("irregular", 50 + 0.0001 * irregular / 60 + 5 * np.sin(2 * np.pi * irregular / DAY) +
               r.normal(size=len(irregular)), HOUR, offsets=irregular, horizon=24)
    yield case("changepoints_given", daily(150, 10), changepoints=["2023-02-01", "2023-03-18", "2023-05-01"])
    yield case("no_changepoints", daily(150, 11), n_changepoints=0)
    yield case("loose_changepoints", daily(150, 12), changepoint_prior_scale=0.5, changepoint_range=0.95)
    yield case("tight", daily(150, 13), changepoint_prior_scale=0.001, seasonality_prior_scale=0.05)
    yield case("many_changepoints", daily(180, 14), n_changepoints=60)
    yield case("custom", hourly(24 * 20, 15), HOUR, daily_seasonality=False, horizon=24,
               seasonalities=[dict(name="half_day", period=0.5, order=2),
                              dict(name="day", period=1.0, order=3, prior=0.5)])
    yield case("conditional", daily(n, 16), columns={"weekend": weekend}, weekly_seasonality=False,
               seasonalities=[dict(name="at_weekend", period=7.0, order=2, condition="weekend"),
                              dict(name="month", period=30.5, order=2)])
    yield case("regressors", regressed, columns={"promo": promo, "load": load},
               regressors=[dict(name="promo"), dict(name="load", prior=1.0)])
    yield case("holidays", free, holidays=holidays)
    yield case("multiplicative", growing(180, 17), seasonality_mode="multiplicative")
    yield case("mixed_modes", growing(n, 18) + 3 * promo[:n], columns={"promo": promo, "load": load},
               seasonality_mode="multiplicative", holidays=holidays, holidays_mode="additive",
               regressors=[dict(name="promo", mode="additive"), dict(name="load", standardize=False)])
    yield case("multiplicative_hourly", hourly(24 * 15, 19), HOUR, seasonality_mode="multiplicative", horizon=24)
    yield case("logistic", sigmoid(160, 20), growth="logistic", columns={"cap": np.full(174, 85.0)})
    yield case("logistic_floor", sigmoid(160, 21, 90, 20), growth="logistic", weekly_seasonality=False,
               columns={"cap": 100 + 0.05 * np.arange(174), "floor": np.full(174, 15.0)})
    yield case("logistic_multiplicative", sigmoid(150, 22) * (1 + 0.1 * np.sin(2 * np.pi * np.arange(150) / 7)),
               growth="logistic", seasonality_mode="multiplicative", columns={"cap": np.full(164, 100.0)})
    yield case("minmax", 1000 + daily(120, 23), scaling="minmax")
    yield case("huge", 1e12 * daily(100, 24))
    yield case("tiny", 1e-12 * daily(100, 25))
    yield case("negative", daily(100, 26) - 300)
    yield case("counts", rng(27).poisson(3, size=130))
    yield case("short", [10.0, 12.0, 11.0, 15.0, 14.0, 16.0, 19.0, 18.0, 20.0, 23.0, 21.0, 25.0], horizon=4)
    yield case("constant", np.full(60, 7.5))


def model_of(case):
    options = dict(case["options"])
    seasonalities = options.pop("seasonalities", [])
    regressors = options.pop("regressors", [])
    if "holidays" in options:
        options["holidays"] = pd.DataFrame([
            dict(holiday=h["name"], ds=date, lower_window=h["lower"], upper_window=h["upper"],
                 prior_scale=h.get("prior", np.nan))
            for h in options["holidays"] for date in h["dates"]
        ])
    model = Prophet(interval_width=0.9, uncertainty_samples=4000, **options)
    for s in seasonalities:
        model.add_seasonality(s["name"], s["period"], s["order"], prior_scale=s.get("prior"),
                              condition_name=s.get("condition"))
    for r in regressors:
        model.add_regressor(r["name"], prior_scale=r.get("prior"), standardize=r.get("standardize", "auto"),
                            mode=r.get("mode"))
    return model


def frame(case, offsets, slice_):
    df = pd.DataFrame({"ds": pd.Timestamp(case["start"]) + pd.to_timedelta(offsets, unit="s")})
    for name, column in case["columns"].items():
        df[name] = column[slice_]
    return df


def log_posterior(model, inputs):
    p = {key: np.ravel(value) for key, value in model.params.items()}
    k, m, delta, beta, sigma = p["k"][0], p["m"][0], p["delta"], p["beta"], p["sigma_obs"][0]
    t, y, X = np.asarray(inputs.t), np.asarray(inputs.y), inputs.X.to_numpy()
    if model.growth == "linear":
        trend = Prophet.piecewise_linear(t, delta, k, m, inputs.t_change)
    elif model.growth == "logistic":
        trend = Prophet.piecewise_logistic(t, np.asarray(inputs.cap), delta, k, m, inputs.t_change)
    else:
        trend = np.full(len(t), m)
    s_a, s_m = np.asarray(inputs.s_a), np.asarray(inputs.s_m)
    mean = trend * (1 + X @ (s_m * beta)) + X @ (s_a * beta)
    prior = k**2 / 50 + m**2 / 50 + np.abs(delta).sum() / inputs.tau + sigma**2 / 0.5
    prior += 0.5 * np.sum((beta / np.asarray(inputs.sigmas)) ** 2)
    return -prior - len(y) * np.log(sigma) - 0.5 * np.sum(((y - mean) / sigma) ** 2)


def text(values, digits=9):
    return " ".join(f"{v:.{digits}g}" for v in np.ravel(np.asarray(values, dtype=float)))


def fit(case, history, **arguments):
    model = model_of(case)
    inputs = []
    preprocess = model.preprocess
    model.preprocess = lambda *a, **k: inputs.append(preprocess(*a, **k)) or inputs[0]
    model.fit(history.copy(), **arguments)
    return model, inputs[0]


def sparse(seconds):
    """First, step and count where the step is always the same, else every one."""
    steps = set(np.diff(seconds))
    if len(steps) == 1:
        return {"from": int(seconds[0]), "step": int(steps.pop()), "count": len(seconds)}
    return {"all": " ".join(map(str, seconds))}


def expected(case):
    n = len(case["values"])
    case["values"] = np.array([float(f"{v:.6g}") for v in case["values"]])
    case["columns"] = {k: np.array([float(f"{v:.6g}") for v in c]) for k, c in case["columns"].items()}
    history = frame(case, case["offsets"], slice(0, n))
    history["y"] = case["values"]
    fits = [fit(case, history)]
    if len(history) >= 100:  # below, Newton's method is the default
        fits.append(fit(case, history, algorithm="Newton"))
    # A constant series is not fitted, and its posterior has no bound.
    posteriors = [0.0 if case["name"] == "constant" else log_posterior(*f) for f in fits]
    model, inputs = fits[int(np.argmax(posteriors))]
    np.random.seed(7)
    past = model.predict()
    coming = model.predict(frame(case, case["future"], slice(n, None)))
    rows = sorted({1, len(inputs.y) // 2, len(inputs.y) - 1})
    every = max(1, len(past) // 12)
    names = [c for c in inputs.X.columns if c != "zeros"]
    some = [0, len(coming) // 2, len(coming) - 1]
    data = {
        "name": case["name"],
        "start": int(pd.Timestamp(case["start"]).timestamp()),
        "offsets": sparse(case["offsets"]),
        "values": text(case["values"], 6),
        "future": sparse(case["future"]),
        "columns": {key: text(column, 6) for key, column in case["columns"].items()},
        "options": case["options"],
        "y_scale": float(model.y_scale),
        "t_change": text(inputs.t_change, 14),
        "features": names,
        "sigmas": text(inputs.sigmas) if names else "",
        "rows": rows,
        "design": text(inputs.X[names].to_numpy()[rows], 14) if names else "",
        "every": every,
        "past": text(past["yhat"][::every]),
        "past_width": text((past["yhat_upper"] - past["yhat_lower"])[:: max(1, len(past) // 4)], 4),
        "yhat": text(coming["yhat"]),
        "trend": text(coming["trend"]),
        "terms": text(coming["additive_terms"].iloc[some]) + " " + text(coming["multiplicative_terms"].iloc[some]),
        "width": text((coming["yhat_upper"] - coming["yhat_lower"]).iloc[some], 4),
        "trend_width": text((coming["trend_upper"] - coming["trend_lower"]).iloc[some], 4),
        "sigma": float(np.ravel(model.params["sigma_obs"])[0]),
    }
    if case["name"] != "constant":
        data["log_posterior"] = float(posteriors[0])
        data["highest_log_posterior"] = float(max(posteriors))
    return data


if __name__ == "__main__":
    path = HERE / "prophet.json"
    rows = [expected(case) for case in cases()]
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "cases,", path.stat().st_size, "bytes")
