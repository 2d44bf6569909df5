"""Writes forest.json beside this script: trees that scikit-learn grew, and the scores it gives.

Requirements (pinned):
    numpy==2.4.6
    scikit-learn==1.9.1

Run: python generate_forest.py
The Rust tests read the file and never need Python. Lists of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest

HERE = Path(__file__).parent


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(v) for v in np.asarray(values).ravel().tolist())


def tables():
    rng = np.random.default_rng(20240229)
    noise = rng.normal(size=(150, 3))
    one_outlier = noise.copy()
    one_outlier[30, 1] = 1e6
    with_constant = noise.copy()
    with_constant[:, 1] = 3.7
    return {
        "noise": (noise, {}),
        "auto": (noise, {"max_samples": "auto"}),
        "share_and_contamination": (noise, {"max_samples": 0.3, "contamination": 0.07}),
        "half_of_the_features": (rng.normal(size=(120, 6)), {"max_features": 0.5}),
        "bootstrap": (noise, {"bootstrap": True}),
        "one_outlier": (one_outlier, {"contamination": 0.5}),
        "constant_column": (with_constant, {}),
        "all_constant": (np.full((40, 2), 3.7), {}),
        "one_row": (noise[:1], {}),
        "two_rows": (noise[:2], {"contamination": 0.1}),
        "counts": (rng.poisson(2, size=(150, 2)).astype(float), {}),
        "huge": (noise * 1e12, {}),
        "tiny": (noise * 1e-12, {}),
        "small": (noise * 1e-5, {}),
        "offset": (1e6 + noise, {}),
    }


def case(x, parameters):
    defaults = {"n_estimators": 4, "max_samples": 64, "random_state": 0}
    forest = IsolationForest(**{**defaults, **parameters})
    forest.fit(x)
    trees, thresholds = [], []
    for estimator, features in zip(forest.estimators_, forest.estimators_features_):
        tree = estimator.tree_
        inner = tree.children_left >= 0
        feature = np.where(inner, np.asarray(features)[tree.feature * inner], -1)
        thresholds += [(f, t) for f, t in zip(feature[inner], tree.threshold[inner])]
        trees.append(
            {
                "feature": encode(feature),
                "threshold": encode(np.where(inner, tree.threshold, 0.0)),
                "left": encode(tree.children_left),
                "right": encode(tree.children_right),
                "samples": encode(tree.n_node_samples),
            }
        )
    # Rows like the training rows, far from them, and next to thresholds.
    probes = [x[:20], x[:5] * 10 + 1, -x[:5] * 1e3]
    for f, t in thresholds[:8]:
        for value in [t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), t * (1 + 1e-8)]:
            row = x[0].copy()
            row[f] = value
            probes.append(row[None])
    probes = np.concatenate(probes)
    return {
        "columns": x.shape[1],
        "subsample": int(forest.max_samples_),
        "trees": trees,
        "threshold": float(-forest.offset_),
        "contamination": parameters.get("contamination"),
        "train": encode(x) if "contamination" in parameters else None,
        "rows": encode(probes),
        "scores": encode(-forest.score_samples(probes)),
        "outlier": encode((forest.predict(probes) < 0).astype(int)),
    }


def main():
    cases = {name: case(*table) for name, table in tables().items()}
    path = HERE / "forest.json"
    path.write_text(json.dumps({"isolation_forest": cases}, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
