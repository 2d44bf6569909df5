"""Writes svm.json beside this script: tables, and what OneClassSVM finds for them.

Requirements (pinned):
    numpy==2.4.6
    scikit-learn==1.9.1

Run: python generate_svm.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.svm import OneClassSVM

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def inputs():
    rng = np.random.default_rng(3)
    # Not 60: where nu times the rows is whole, every weight may be 0 or 1, and rho is not unique.
    noise = rng.normal(size=(61, 3))
    outlier = noise.copy()
    outlier[7] = [40.0, -30.0, 0.0]
    return {
        "noise": noise,
        "outlier": outlier,
        "counts": rng.poisson(2, size=(61, 2)).astype(float),
        "duplicates": np.repeat(noise[:3], 20, axis=0),
        "one constant": np.c_[noise[:, 0], np.full(61, 3.7)],
        "offset": 1e3 + noise,
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "few": noise[:4],
    }


def solve(x, tolerance, parameters):
    model = OneClassSVM(tol=tolerance, **parameters).fit(x)
    kernel = parameters["kernel"]
    numbers = {
        "rbf": {"gamma": model._gamma},
        "linear": {},
        "poly": {"gamma": model._gamma, "coef0": model.coef0, "degree": model.degree},
        "sigmoid": {"gamma": model._gamma, "coef0": model.coef0},
    }[kernel]
    weights = model.dual_coef_.ravel()
    matrix = pairwise_kernels(model.support_vectors_, metric=kernel, **numbers)
    return {
        "objective": repr(0.5 * float(weights @ matrix @ weights)),
        "rho": repr(float(-model.intercept_[0])),
        "decision": encode(model.decision_function(x)),
    }


def main():
    tables = inputs()
    runs = [(name, dict(kernel="rbf", nu=0.1)) for name in tables]
    for name in ("noise", "counts", "outlier"):
        runs += [
            (name, dict(kernel="rbf", nu=0.5, gamma=2.0)),
            (name, dict(kernel="rbf", nu=0.9, gamma="auto")),
            (name, dict(kernel="sigmoid", nu=0.2, gamma=0.05, coef0=-0.5)),
        ]
    # Not the outlier: the reference rounds its kernels, which are large there, to single precision.
    for name in ("noise", "counts"):
        runs += [
            (name, dict(kernel="linear", nu=0.3)),
            (name, dict(kernel="poly", nu=0.2, degree=2, coef0=1.0)),
            (name, dict(kernel="poly", nu=0.2)),
        ]
    cases = []
    for name, parameters in runs:
        case = {"table": name, "parameters": {k: str(v) for k, v in parameters.items()}}
        case["fine"] = solve(tables[name], 1e-6, parameters)
        case["coarse"] = solve(tables[name], 1e-3, parameters)
        cases.append(case)
    tables = {k: {"columns": v.shape[1], "x": encode(v)} for k, v in tables.items()}
    text = json.dumps({"tables": tables, "cases": cases}, indent=1)
    (HERE / "svm.json").write_text(text + "\n")


main()
