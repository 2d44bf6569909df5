"""Writes linear.json beside this script: tables, and the regressions that the references find.

Requirements (pinned):
    numpy==2.4.6
    scikit-learn==1.9.1
    statsmodels==0.15.0

Run: python generate_linear.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression, Ridge

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def inputs():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20, 3))
    y = 2.0 + x @ [1.0, -2.0, 0.5] + 0.3 * rng.normal(size=20)
    outlier = y.copy()
    outlier[3] = 1e4
    counts = rng.poisson(3, size=(20, 2)).astype(float)
    return {
        "noise": (x, y),
        "outlier": (x, outlier),
        "counts": (counts, rng.poisson(4, size=20).astype(float)),
        "scales": (x * [1e2, 1.0, 1e-2], y),
        "offset": (x + 20.0, y),
        "few": (x[:5], y[:5]),
        "exact number": (x[:4], y[:4]),
        "dependent": (np.c_[x[:, 0], 2 * x[:, 0], np.full(20, 3.0), x[:, 1]], y),
        "wide": (rng.normal(size=(5, 8)), y[:5]),
    }


def main():
    cases = []
    for name, (x, y) in inputs().items():
        weights = np.arange(1, len(y) + 1) / len(y)
        for intercept in (True, False):
            for weighted in (False, True):
                w = weights if weighted else None
                for alpha in (0.0, 0.7):
                    if alpha == 0.0 and name == "wide":
                        continue
                    model = Ridge(alpha=alpha, fit_intercept=intercept) if alpha else (
                        LinearRegression(fit_intercept=intercept)
                    )
                    model.fit(x, y, sample_weight=w)
                    case = {
                        "name": name,
                        "columns": x.shape[1],
                        "x": encode(x),
                        "y": encode(y),
                        "intercept": intercept,
                        "alpha": alpha,
                        "weights": encode(weights) if weighted else None,
                        "coefficients": encode(model.coef_),
                        "constant": encode([model.intercept_]),
                        "predicted": encode(model.predict(x)),
                    }
                    few = name in ("exact number", "dependent")
                    if alpha == 0.0 and not few:
                        design = sm.add_constant(x, has_constant="add") if intercept else x
                        fit = sm.WLS(y, design, weights=1.0 if w is None else w).fit()
                        frame = fit.get_prediction(design).summary_frame(alpha=0.1)
                        case |= {
                            "errors": encode(fit.bse),
                            "t": encode(fit.tvalues),
                            "r2": encode([fit.rsquared]),
                            "sigma": encode([np.sqrt(fit.scale)]),
                            "mean": encode(frame[["mean_ci_lower", "mean_ci_upper"]].to_numpy()),
                        }
                        if not weighted:
                            columns = ["obs_ci_lower", "obs_ci_upper"]
                            case["observed"] = encode(frame[columns].to_numpy())
                    cases.append(case)
    (HERE / "linear.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
