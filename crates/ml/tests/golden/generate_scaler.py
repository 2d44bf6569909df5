"""Writes scaler.json beside this script: tables and their scaled forms.

Requirements (pinned):
    numpy==2.4.6
    scikit-learn==1.9.1

Run: python generate_scaler.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def inputs():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(23, 3))
    outlier = noise.copy()
    outlier[5, 1] = 1e6
    return {
        "noise": noise,
        "scales": noise * [1e12, 1.0, 1e-6],
        "one constant": np.c_[noise[:, 0], np.full(23, 3.7), noise[:, 1]],
        "counts": rng.poisson(2, size=(20, 2)).astype(float),
        "outlier": outlier,
        "one row": noise[:1],
        "two rows": noise[:2],
    }


def main():
    scalers = {"standard": StandardScaler, "min_max": MinMaxScaler, "robust": RobustScaler}
    cases = {}
    for name, x in inputs().items():
        case = {"columns": x.shape[1], "x": encode(x)}
        for key, scaler in scalers.items():
            case[key] = encode(scaler().fit_transform(x))
        cases[name] = case
    (HERE / "scaler.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
