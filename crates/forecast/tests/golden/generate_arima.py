"""Writes arima.json beside this script: what statsmodels says of ARIMA models.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    statsmodels==0.15.0

Run: python generate_arima.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact. Each case has the model at given parameters (log-likelihood, information
criteria, forecasts, residuals) and what `fit` finds.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.statespace.sarimax import SARIMAX

HERE = Path(__file__).parent
warnings.simplefilter("ignore")


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def simulate(order, seasonal, coefficients, n, seed):
    """A path of the model, from zeros a long time ago."""
    (p, d, q), (P, D, Q, s) = order, seasonal
    ar, ma = np.array(coefficients[:p]), np.array(coefficients[p : p + q])
    sar = np.array(coefficients[p + q : p + q + P])
    sma = np.array(coefficients[p + q + P :])

    def polynomial(own, seasonal, sign):
        a = np.r_[1.0, sign * own]
        b = np.zeros(1 + s * len(seasonal))
        b[0] = 1.0
        for k, c in enumerate(seasonal):
            b[(k + 1) * s] = sign * c
        return np.convolve(a, b)

    phi, theta = polynomial(ar, sar, -1), polynomial(ma, sma, 1)
    rng = np.random.default_rng(seed)
    e = rng.normal(size=n + 200)
    w = np.zeros(n + 200)
    for t in range(n + 200):
        for k, c in enumerate(theta):
            if t >= k:
                w[t] += c * e[t - k]
        for k, c in enumerate(phi[1:], 1):
            if t >= k:
                w[t] -= c * w[t - k]
    w = w[200:]
    for _ in range(d):
        w = np.cumsum(w)
    for _ in range(D):
        for t in range(s, n):
            w[t] += w[t - s]
    return w


NONE = (0, 0, 0, 0)
AIR = [
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170,
    170, 158, 133, 114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180,
    193, 181, 183, 218, 230, 242, 209, 191, 172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237,
    211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229, 242, 233, 267, 269,
    270, 315, 364, 347, 312, 274, 237, 278,
]


def cases():
    """Name, orders, seasonal orders, trend, values, regressors, parameters."""
    # Non-seasonal, without and with differences.
    plain = [
        ((1, 0, 0), "c", [5.0, 0.7, 1.3]),
        ((1, 0, 0), "n", [-0.6, 0.8]),
        ((2, 0, 0), "ct", [1.0, 0.05, 0.5, 0.3, 1.0]),
        ((0, 0, 1), "c", [2.0, 0.8, 1.0]),
        ((0, 0, 2), "n", [-0.4, 0.3, 1.1]),
        ((1, 0, 1), "t", [0.1, 0.9, -0.5, 1.0]),
        ((2, 0, 1), "c", [0.5, 1.2, -0.4, 0.3, 0.9]),
        ((2, 0, 2), "n", [0.3, 0.4, 0.5, 0.2, 1.0]),
        ((3, 0, 3), "c", [1.0, 0.2, 0.1, 0.3, 0.4, -0.2, 0.1, 1.2]),
        ((5, 0, 0), "c", [0.0, 0.4, 0.1, 0.1, 0.1, 0.1, 1.0]),
        ((0, 0, 5), "c", [0.0, 0.4, 0.1, -0.1, 0.1, 0.1, 1.0]),
        ((0, 0, 0), "c", [1.0, 1.0]),
        ((0, 1, 0), "n", [1.2]),
        ((0, 1, 1), "n", [-0.5, 1.0]),
        ((1, 1, 0), "t", [0.3, 0.4, 1.0]),
        ((1, 1, 1), "n", [0.6, -0.3, 1.0]),
        ((2, 1, 2), "n", [0.5, 0.2, 0.3, -0.4, 1.0]),
        ((2, 1, 2), "t", [0.2, 0.5, 0.2, 0.3, -0.4, 1.0]),
        ((0, 2, 1), "n", [-0.7, 1.0]),
        ((1, 2, 1), "n", [0.3, -0.5, 1.0]),
        ((0, 2, 2), "n", [-0.8, 0.2, 1.0]),
    ]
    for i, (order, trend, parameters) in enumerate(plain):
        constant = {"n": 0, "c": 1, "t": 1, "ct": 2}[trend]
        y = simulate(order, NONE, parameters[constant:-1], 90, i)
        if "c" in trend:
            y = y + parameters[0]
        if "t" in trend:
            y = y + parameters[constant - 1] * np.arange(1, 91)
        yield f"{order} {trend}", order, NONE, trend, y, None, parameters
    seasonal = [
        ((1, 0, 0), (1, 0, 0, 4), "c", [1.0, 0.5, 0.4, 1.0]),
        ((0, 0, 1), (0, 0, 1, 4), "c", [1.0, 0.5, 0.4, 1.0]),
        ((1, 0, 1), (1, 0, 1, 4), "n", [0.5, 0.3, 0.7, -0.4, 1.0]),
        ((0, 1, 1), (0, 1, 1, 4), "n", [-0.4, -0.5, 1.0]),
        ((1, 0, 0), (0, 1, 1, 4), "n", [0.5, -0.5, 1.0]),
        ((1, 0, 1), (1, 0, 1, 7), "c", [3.0, 0.5, 0.3, 0.7, -0.4, 1.0]),
        ((2, 1, 1), (1, 0, 0, 7), "n", [0.3, 0.2, -0.6, 0.4, 1.0]),
        ((0, 1, 1), (0, 1, 1, 7), "n", [-0.4, -0.5, 1.0]),
        ((1, 1, 0), (1, 1, 0, 7), "n", [0.4, -0.4, 1.0]),
        ((0, 1, 1), (2, 0, 0, 12), "n", [-0.4, 0.3, 0.2, 1.0]),
        ((1, 0, 0), (0, 1, 1, 12), "t", [0.02, 0.5, -0.5, 1.0]),
        ((1, 0, 1), (1, 0, 1, 24), "c", [1.0, 0.5, 0.2, 0.8, -0.3, 1.0]),
        ((1, 0, 0), (0, 1, 1, 24), "n", [0.5, -0.5, 1.0]),
        ((0, 1, 1), (0, 1, 1, 24), "n", [-0.4, -0.5, 1.0]),
    ]
    for i, (order, season, trend, parameters) in enumerate(seasonal):
        constant = {"n": 0, "c": 1, "t": 1}[trend]
        n = 140 if season[3] > 12 else 100
        y = simulate(order, season, parameters[constant:-1], n, 100 + i)
        yield f"{order} {season} {trend}", order, season, trend, y, None, parameters
    air = np.array(AIR, dtype=float)
    line = [-0.4, -0.6, 0.0014]
    yield "airline", (0, 1, 1), (0, 1, 1, 12), "n", np.log(air), None, line
    yield "airline raw", (2, 1, 1), (0, 1, 0, 12), "n", air, None, [0.5, 0.2, -0.9, 110.0]
    # Regressors, missing values, scales.
    rng = np.random.default_rng(7)
    x = np.c_[rng.normal(size=90), np.sin(np.arange(90) / 5.0)]
    y = simulate((1, 0, 1), NONE, [0.6, 0.3], 90, 201) + x @ [1.5, -2.0] + 4.0
    yield "regressors", (1, 0, 1), NONE, "c", y, x, [4.0, 1.5, -2.0, 0.6, 0.3, 1.0]
    y = simulate((1, 1, 1), NONE, [0.6, -0.3], 90, 202) + x @ [1.5, -2.0]
    yield "regressors d=1", (1, 1, 1), NONE, "t", y, x, [0.1, 1.5, -2.0, 0.6, -0.3, 1.0]
    for name, order, season, trend, parameters in [
        ("missing", (2, 0, 1), NONE, "c", [0.5, 1.2, -0.4, 0.3, 0.9]),
        ("missing d=1", (1, 1, 1), NONE, "n", [0.6, -0.3, 1.0]),
        ("missing seasonal", (1, 0, 0), (1, 0, 1, 7), "c", [1.0, 0.5, 0.7, -0.4, 1.0]),
        ("missing d=1 D=1", (0, 1, 1), (0, 1, 1, 7), "n", [-0.4, -0.5, 1.0]),
    ]:
        constant = 0 if trend == "n" else 1
        y = simulate(order, season, parameters[constant:-1], 90, 203)
        y[[20, 21, 40, 55, 56, 57, 88]] = np.nan
        yield name, order, season, trend, y, None, parameters
    # Variances of forecasts below 1e-14 count as none there, so that its values cannot be tinier.
    y = simulate((1, 0, 1), NONE, [0.6, 0.3], 90, 204)
    yield "huge", (1, 0, 1), NONE, "c", (y + 5) * 1e12, None, [5e12, 0.6, 0.3, 1e24]
    yield "tiny", (1, 0, 1), NONE, "c", (y + 5) * 1e-3, None, [5e-3, 0.6, 0.3, 1e-6]
    y = simulate((1, 1, 0), NONE, [0.6], 90, 205)
    yield "tiny d=1", (1, 1, 0), NONE, "n", y * 1e-2, None, [0.6, 1e-4]
    counts = np.random.default_rng(3).poisson(3, size=60).astype(float)
    yield "counts", (1, 0, 1), NONE, "c", counts, None, [3.0, 0.2, -0.1, 3.0]
    y = simulate((1, 0, 0), NONE, [0.4], 12, 206)
    yield "short", (1, 0, 0), NONE, "c", y, None, [0.1, 0.4, 1.0]
    outlier = simulate((0, 1, 1), NONE, [-0.4], 90, 207)
    outlier[45] += 40
    yield "outlier", (0, 1, 1), NONE, "n", outlier, None, [-0.4, 3.0]
    yield "noninvertible", (0, 1, 1), NONE, "n", counts, None, [-0.999, 3.0]


def number(value):
    return None if not math.isfinite(value) else float(value)


def run(name, order, season, trend, y, x, parameters):
    model = ARIMA(y, exog=x, order=order, seasonal_order=season, trend=trend)
    # Its filter takes the variance of forecasts for settled once it changes by less than 3e-10, in
    # the unit of the values squared; that is far too soon for small values.
    model.tolerance = 0.0
    given = model.smooth(parameters)
    future = None if x is None else np.c_[np.linspace(-1, 1, 6), np.linspace(0, 2, 6)]
    forecast = given.get_forecast(6, exog=future)
    burn = order[1] + season[1] * season[3]
    out = {
        "name": name,
        "order": list(order),
        "seasonal": list(season),
        "trend": trend,
        "y": encode(y),
        "x": None if x is None else [encode(column) for column in x.T],
        "future": None if x is None else [encode(column) for column in future.T],
        "parameters": encode(parameters),
        "log_likelihood": given.llf,
        "aic": given.aic,
        "aicc": number(given.aicc),
        "bic": given.bic,
        "mean": encode(forecast.predicted_mean),
        "deviation": encode(forecast.se_mean),
        "residuals": encode(given.resid[burn : burn + 8]),
    }
    if x is None and not np.isnan(y).any() and trend == "n":
        simple = SARIMAX(y, order=order, seasonal_order=season, simple_differencing=True)
        simple.tolerance = 0.0
        out["differenced"] = simple.loglike(np.asarray(parameters))
    fitted = model.fit(method_kwargs={"maxiter": 500})
    out["fitted"] = encode(fitted.params)
    out["fitted_log_likelihood"] = fitted.llf
    errors = fitted.cov_params_approx
    out["standard_errors"] = encode(np.sqrt(np.abs(np.diag(errors))))
    return out


def main():
    results = [run(*case) for case in cases()]
    text = json.dumps(results, indent=1)
    (HERE / "arima.json").write_text(text + "\n")
    print(len(results), "cases,", len(text), "bytes")


if __name__ == "__main__":
    main()
