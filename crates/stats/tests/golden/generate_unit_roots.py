"""Writes `unit_roots.json` beside this script: series and what the references make of them.

Requirements (pinned):
    numpy==2.4.6
    arch==8.0.0
    pmdarima==2.1.1

Run: python generate_unit_roots.py
The Rust tests read the file and never need Python. The test of Phillips and Perron is that of arch,
the seasonal tests are those of pmdarima where that follows the papers: with a fixed number of lags,
since its choice of lags compares regressions on columns that are not the lags they stand for, and for
even seasons. The rest is restated here.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from arch.unitroot import PhillipsPerron
from pmdarima.arima import CHTest, OCSBTest

HERE = Path(__file__).parent


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(float(v)) for v in np.asarray(values, dtype=float).ravel())


def inputs():
    rng = np.random.default_rng(1988)
    e = rng.normal(size=400)
    t = np.arange(400)
    autoregression = np.zeros(400)
    for i in range(1, 400):
        autoregression[i] = 0.7 * autoregression[i - 1] + e[i]
    wandering = np.zeros(160)
    for i in range(160):
        wandering[i] = (wandering[i - 4] if i >= 4 else 3 * e[i]) + e[i + 100]
    monthly = np.zeros(144)
    for i in range(144):
        monthly[i] = (monthly[i - 12] if i >= 12 else 5 * e[i]) + 0.5 * e[i + 50]
    spike = autoregression[:120].copy()
    spike[40] = 60
    return {
        "noise": (e[:120], 7),
        "walk": (np.cumsum(e[:150]), 12),
        "autoregression": (autoregression[:200], 5),
        "line": (0.1 * t[:80] + e[:80], 4),
        "one_outlier": (spike, 12),
        "short": (e[:29] + np.resize([1, 2, 3, 4], 29), 4),
        "quarterly": (10 * np.cos(np.pi * t[:96] / 2) + e[:96], 4),
        "wandering": (wandering, 4),
        "monthly": (monthly, 12),
        "hourly": (8 * np.cos(2 * np.pi * t / 24) + autoregression, 24),
        "weekly": (5 * np.sin(2 * np.pi * t[:140] / 7) + np.cumsum(e[:140]), 7),
        "counts": (rng.poisson(4, size=90).astype(float), 6),
        "alternating": (np.resize([1.0, -1.0], 60) + e[:60], 2),
        "huge": (monthly * 1e12, 12),
        "tiny": (monthly * 1e-12, 12),
        "offset": (1e6 + monthly, 12),
    }


def least_squares(y, columns):
    """Coefficients, t-values and the sum of squares that is left."""
    solution, _, _, _ = np.linalg.lstsq(columns, y, rcond=None)
    rest = y - columns @ solution
    variance = rest @ rest / (len(y) - columns.shape[1])
    return solution, solution / np.sqrt(variance * np.diag(np.linalg.inv(columns.T @ columns))), rest @ rest


def ocsb(y, m, lags, most):
    """The regression of Osborn et al. at the times that have `most` lags."""
    w = {t: y[t] - y[t - 1] - y[t - m] + y[t - m - 1] for t in range(m + 1, len(y))}
    z = {t: y[t] - y[t - m] for t in range(m, len(y))}
    x = {t: y[t] - y[t - 1] for t in range(1, len(y))}
    times = range(m + 1 + most, len(y))
    target = np.array([w[t] for t in times])
    own = [[w[t - i] for t in times] for i in range(1, lags + 1)]
    fit, _, _ = least_squares(target, np.column_stack([np.ones(len(target)), *own]))
    left = lambda u, t: u[t] - fit[0] - sum(a * u[t - i - 1] for i, a in enumerate(fit[1:]))
    columns = np.column_stack([*own, [left(z, t - 1) for t in times], [left(x, t - m) for t in times]])
    _, t_values, rest = least_squares(target, columns)
    n = len(target)
    return t_values[-1], n * np.log(rest / n) + 2 * columns.shape[1]


def canova_hansen(y, m):
    n = len(y)
    tt = np.arange(1, n + 1)
    waves = []
    for k in range(1, m // 2 + 1):
        waves.append(np.cos(2 * np.pi * k * tt / m))
        if 2 * k < m:
            waves.append(np.sin(2 * np.pi * k * tt / m))
    f = np.column_stack(waves)
    design = np.column_stack([np.ones(n), f])
    e = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    rows = f * e[:, None]
    lags = int(np.round(m * (n / 100) ** 0.25))
    omega = rows.T @ rows
    for k in range(1, min(lags, n - 1) + 1):
        gamma = rows[k:].T @ rows[:-k]
        omega += (1 - k / (lags + 1)) * (gamma + gamma.T)
    sums = rows.cumsum(axis=0)
    return np.trace(np.linalg.solve(omega / n, sums.T @ sums)) / n**2


def main():
    warnings.simplefilter("ignore")
    cases = {}
    for name, (y, m) in inputs().items():
        y = np.asarray(y, dtype=float)
        case = {"y": encode(y), "period": m}
        for trend in ("n", "c", "ct"):
            for lags in (None, 3):
                test = PhillipsPerron(y, trend=trend, lags=lags)
                critical = [test.critical_values[level] for level in ("1%", "5%", "10%")]
                case[f"pp_{trend}_{lags or 'auto'}"] = encode([test.stat, test.pvalue, test.lags, *critical])
        # The statistics do not depend on the unit, but their digits here do.
        y = y / np.abs(y).max()
        for lags in (1, 3):
            own = ocsb(y, m, lags, lags)[0]
            theirs = OCSBTest(m, lag_method="fixed", max_lag=lags)._compute_test_statistic(y.copy())
            assert abs(own - theirs) < 1e-6 * abs(own), (name, lags, own, theirs)
            case[f"ocsb_{lags}"] = repr(float(own))
        case["ocsb_0"] = repr(float(ocsb(y, m, 0, 0)[0]))
        best = min(range(4), key=lambda lags: ocsb(y, m, lags, 3)[1])
        case["ocsb_aic"] = encode([ocsb(y, m, best, best)[0], best])
        case["ocsb_critical"] = repr(float(OCSBTest._calc_ocsb_crit_val(m)))
        own = canova_hansen(y, m)
        if m % 2 == 0:
            theirs = CHTest._sd_test(y.copy(), m)
            assert abs(own - theirs) < 1e-7 * abs(own), (name, own, theirs)
        case["ch"] = encode([own, CHTest._calc_ch_crit_val(m)])
        cases[name] = case
    (HERE / "unit_roots.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
