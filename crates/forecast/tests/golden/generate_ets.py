"""Writes ets.json beside this script: series, and what the reference fits and forecasts.

Requirements (pinned):
    numpy==2.5.5
    scipy==1.18.1
    statsmodels==0.15.0
    statsforecast==2.1.1

Run: python generate_ets.py
The Rust tests read the file and never need Python.

Point forecasts and variances are worked out here from the reference's parameters and final states,
by the matrices of Hyndman, Koehler, Ord & Snyder 2005, because statsforecast 2.1 sums a damped slope
as phi + phi + phi^2 + ..., takes the number of whole seasons in the additive variances from the last
step for all steps, multiplies alpha by beta for ETS(M,A,A), and leaves the mean of class 3 where it
is. Where none of this matters the two are compared. The tiny series is fitted 2^40 times larger: the
reference's tolerances are absolute.
"""

import json
from pathlib import Path

import numpy as np
from statsforecast.ets import ets_f, forecast_ets

HERE = Path(__file__).parent


def inputs():
    rng = np.random.default_rng(20240229)

    def seasonal(n, m, level, slope, swing, noise):
        t = np.arange(n)
        wave = np.sin(2 * np.pi * t / m) + 0.4 * np.cos(4 * np.pi * t / m)
        return level + slope * t + swing * wave + noise * rng.normal(size=n)

    def growing(n, m, noise):
        t = np.arange(n)
        wave = 1 + 0.2 * np.sin(2 * np.pi * t / m) + 0.1 * np.cos(4 * np.pi * t / m)
        return (100 + 2 * t) * wave * np.exp(noise * rng.normal(size=n))

    walk = 50 + np.cumsum(rng.normal(size=80))
    outlier = seasonal(60, 4, 20, 0.1, 3, 1)
    outlier[30] += 200
    return {
        "monthly": growing(96, 12, 0.03),
        "monthly_short": growing(38, 12, 0.03),
        "two_years": growing(27, 12, 0.03),
        "quarterly": seasonal(60, 4, 20, 0.3, 3, 1),
        "hourly": seasonal(240, 24, 50, 0.02, 10, 2),
        "walk": walk,
        "slope": 10 + 0.5 * np.arange(50) + rng.normal(size=50),
        "negative": seasonal(60, 4, 0, 0.05, 3, 1),
        "outlier": outlier,
        "counts": rng.poisson(4, size=72).astype(float),
        "yearly": np.array([3.1, 3.9, 4.2, 5.8, 5.1, 6.9, 7.7, 7.1, 9.4, 9.9, 11.2]),
        "huge": seasonal(48, 12, 20, 0.1, 3, 1) * 1e12,
        "tiny": seasonal(48, 12, 20, 0.1, 3, 1) * 1e-12,
    }


CASES = [
    # input, period, model, damped
    *[("monthly", 12, error + "N" + season, False) for error in "AM" for season in "NA"],
    *[("monthly", 12, error + "AN", damped) for error in "AM" for damped in (False, True)],
    *[("monthly", 12, error + "AA", damped) for error in "AM" for damped in (False, True)],
    *[("monthly", 12, "MNM", False), ("monthly", 12, "MAM", False), ("monthly", 12, "MAM", True)],
    ("monthly", 12, "ZZZ", None),
    ("monthly_short", 12, "AAA", False),
    ("monthly_short", 12, "MAM", False),
    ("monthly_short", 12, "ZZZ", None),
    ("two_years", 12, "ANA", False),
    ("two_years", 12, "MNM", False),
    ("quarterly", 4, "AAA", False),
    ("quarterly", 4, "AAA", True),
    ("quarterly", 4, "MAM", False),
    ("quarterly", 4, "ZZZ", None),
    ("hourly", 24, "ANA", False),
    ("hourly", 24, "AAA", False),
    ("walk", 1, "ANN", False),
    ("walk", 1, "AAN", True),
    ("walk", 1, "ZZZ", None),
    ("slope", 1, "AAN", False),
    ("slope", 1, "MAN", False),
    ("slope", 1, "ZZZ", None),
    ("negative", 4, "AAA", False),
    ("negative", 4, "ZZZ", None),
    ("outlier", 4, "ZZZ", None),
    ("counts", 1, "AZN", None),
    ("counts", 12, "AAA", False),
    ("yearly", 1, "ZZZ", None),
    ("yearly", 1, "AAN", True),
    ("huge", 12, "MNM", False),
    ("huge", 12, "ZZZ", None),
    ("tiny", 12, "AAA", True),
    ("tiny", 12, "AZA", None),
]


def matrices(fit):
    """F and g of the additive state equations, and the row w that reads a forecast."""
    error, trend, season, damped = fit["components"]
    alpha, beta, gamma, phi = fit["par"][:4]
    phi = phi if damped == "D" else 1.0
    if trend == "N":
        F, g, w = np.array([[1.0]]), np.array([alpha]), np.array([1.0])
    else:
        F = np.array([[1.0, phi], [0.0, phi]])
        g, w = np.array([alpha, beta]), np.array([1.0, phi])
    return F, g, w, gamma, fit["m"]


def forecast(fit, h):
    F, g, w, gamma, m = matrices(fit)
    season = fit["components"][2]
    last = fit["states"][-1]
    x, s = last[: len(w)].copy(), last[len(w) :][::-1]
    means = []
    for step in range(h):
        base = w @ x
        if season == "A":
            base = base + s[step % m]
        elif season == "M":
            base = base * s[step % m]
        means.append(base)
        x = F @ x
    return np.array(means)


def additive_matrices(fit):
    F, g, w, gamma, m = matrices(fit)
    if fit["components"][2] == "A":
        k = len(w)
        full = np.zeros((k + m, k + m))
        full[:k, :k] = F
        full[k, k + m - 1] = 1
        full[k + 1 :, k : k + m - 1] = np.eye(m - 1)
        g = np.r_[g, gamma, np.zeros(m - 1)]
        w = np.r_[w, np.zeros(m - 1), 1.0]
        F = full
    return F, g, w


def variances(fit, h):
    s2 = fit["sigma2"]
    error, _, season, _ = fit["components"]
    means = forecast(fit, h)
    if season == "M":
        return class_3(fit, h)
    F, g, w = additive_matrices(fit)
    c, power = [], g
    for _ in range(h):
        c.append(w @ power)
        power = F @ power
    if error == "A":
        return np.array([s2 * (1 + sum(x * x for x in c[:step])) for step in range(h)])
    theta = []
    for step in range(h):
        theta.append(means[step] ** 2 + s2 * sum(c[j] ** 2 * theta[step - 1 - j] for j in range(step)))
    return (1 + s2) * np.array(theta) - means**2


def class_3(fit, h):
    """The second moments of the whole Kronecker product of states and seasons."""
    F, g, w, gamma, m = matrices(fit)
    s2, k = fit["sigma2"], len(w)
    last = fit["states"][-1]
    G = np.outer(g, w)
    F2 = np.zeros((m, m))
    F2[0, m - 1] = 1
    F2[1:, : m - 1] = np.eye(m - 1)
    G2 = np.zeros((m, m))
    G2[0, m - 1] = gamma
    A, B, C = np.kron(F2, F), np.kron(F2, G) + np.kron(G2, F), np.kron(G2, G)
    mean = np.kron(last[k:], last[:k])
    second = np.outer(mean, mean)
    read = np.kron(np.r_[np.zeros(m - 1), 1.0], w)
    out = []
    for _ in range(h):
        out.append((1 + s2) * read @ second @ read - (read @ mean) ** 2)
        # x -> (A + B e + C e^2) x with e normal: E e^2 = s2, E e^4 = 3 s2^2.
        mean, second = (
            A @ mean + s2 * C @ mean,
            A @ second @ A.T
            + s2 * (B @ second @ B.T + A @ second @ C.T + C @ second @ A.T)
            + 3 * s2**2 * C @ second @ C.T,
        )
    return np.array(out)


def exact(values):
    return " ".join(repr(float(v)) for v in values)


def short(values):
    return " ".join(f"{v:.12g}" for v in values)


def case(name, y, m, model, damped):
    h = min(2 * m + 2, 30) if m > 1 else 8
    scale = 2.0**40 if name == "tiny" else 1.0
    fit = ets_f(y * scale, m, model=model, damped=damped)
    components = fit["components"]
    means, v = forecast(fit, h), variances(fit, h)
    theirs = forecast_ets(fit, h if components[2] == "N" else min(h, m), level=[95])
    if components[3] == "N":
        np.testing.assert_allclose(theirs["mean"], means[: len(theirs["mean"])], rtol=1e-9)
        if components[:3] not in ("MAA", "MNM", "MAM"):
            half = (theirs["hi-95"] - theirs["lo-95"]) / 2 / 1.959963984540054
            np.testing.assert_allclose(half, np.sqrt(v[: len(half)]), rtol=1e-6)
    alpha, beta, gamma, phi = fit["par"][:4]
    shift = 2 * len(y) * np.log(scale)
    return {
        "input": name,
        "period": m,
        "model": model,
        "damped": damped,
        "chosen": components,
        "log_likelihood": repr(float(fit["loglik"] + shift / 2)),
        "aicc": repr(float(fit["aicc"] - shift)),
        "iterations": fit["fit"].nit,
        "smoothing": short([alpha, beta, gamma, phi]),
        "mean": short(means / scale),
        "deviation": short(np.sqrt(v) / scale),
    }


def main():
    series = inputs()
    golden = {
        "series": {name: exact(values) for name, values in series.items()},
        "cases": [case(name, series[name], *rest) for name, *rest in CASES],
    }
    (HERE / "ets.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
