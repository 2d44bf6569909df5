"""Writes `auto_arima.json` beside this script: series and what statsforecast chooses for them.

Requirements (pinned):
    numpy==2.4.6
    statsforecast==2.1.0

Run: python generate_auto_arima.py
The Rust tests read the file and never need Python. The criterion is evaluated anew at the
reference's coefficients, since it reports a conditional one for some models; see
`benches/peers/auto_arima_accuracy.py`.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[3] / "benches" / "peers"))

from auto_arima_accuracy import exact_aicc  # noqa: E402
from statsforecast.models import AutoARIMA  # noqa: E402


def arma(rng, n, ar=(), ma=()):
    e = rng.normal(size=n + 100)
    w = np.zeros(n + 100)
    for t in range(5, n + 100):
        w[t] = e[t] + sum(a * w[t - 1 - i] for i, a in enumerate(ar))
        w[t] += sum(b * e[t - 1 - i] for i, b in enumerate(ma))
    return w[100:]


def inputs():
    rng = np.random.default_rng(2008)
    t = np.arange(240)
    wave = lambda m: np.cos(2 * np.pi * t / m) + 0.4 * np.sin(4 * np.pi * t / m)
    wander = np.zeros(120)
    step = rng.normal(size=120)
    for i in range(120):
        wander[i] = (wander[i - 4] if i >= 4 else 4 * step[i]) + step[i]
    return {
        "noise": (rng.normal(size=80), 1),
        "autoregression": (5 + arma(rng, 120, (0.6, 0.2)), 1),
        "moving average": (arma(rng, 90, (), (0.7,)), 1),
        "mixed": (arma(rng, 150, (0.8,), (-0.4,)), 1),
        "walk": (np.cumsum(arma(rng, 100)), 1),
        "drift": (0.4 * t[:90] + np.cumsum(arma(rng, 90)), 1),
        "line and noise": (0.3 * t[:60] + arma(rng, 60), 1),
        "twice": (np.cumsum(np.cumsum(arma(rng, 120, (), (-0.5,)))), 1),
        "short": (np.cumsum(rng.normal(1, 1, size=14)), 1),
        "shorter": (rng.normal(10, 2, size=9), 1),
        "cycle": (arma(rng, 140, (1.5, -0.9)), 1),
        "counts": (rng.poisson(6, size=100).astype(float), 1),
        "huge": (1e12 * np.cumsum(arma(rng, 80, (0.5,))), 1),
        "tiny": (1e-12 * arma(rng, 80, (0.7,)), 1),
        "quarterly": (6 * wave(4)[:64] + arma(rng, 64, (0.5,)), 4),
        "quarterly trend": (4 * wave(4)[:72] + 0.2 * t[:72] + arma(rng, 72, (0.4,)), 4),
        "wandering season": (wander, 4),
        "weak season": (0.6 * wave(12)[:96] + arma(rng, 96, (0.6,)), 12),
        "monthly": (5 * wave(12)[:108] + np.cumsum(arma(rng, 108)) * 0.5, 12),
        "weekly": (3 * wave(7)[:98] + arma(rng, 98, (0.3,)), 7),
        "no season": (np.cumsum(arma(rng, 100)), 7),
        "two seasons only": (4 * wave(12)[:24] + arma(rng, 24), 12),
    }


def main():
    warnings.simplefilter("ignore")
    cases = []
    for name, (y, m) in inputs().items():
        fit = AutoARIMA(season_length=m).fit(y).model_
        p, q, sp, sq, _, d, sd = (int(v) for v in fit["arma"])
        cases.append({
            "name": name,
            "y": " ".join(repr(float(v)) for v in y),
            "period": m,
            "orders": [p, d, q, sp, sd, sq],
            "aicc": exact_aicc(fit, y),
            "reported": float(fit["aicc"]),
        })
        print(name, cases[-1]["orders"], cases[-1]["aicc"], cases[-1]["reported"])
    (HERE / "auto_arima.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
